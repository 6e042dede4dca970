#pragma once

namespace paceline {

/// From now on a mapped file that becomes shorter while it is read ends the process with one sentence that names it and
/// exit code 3. The system says so by SIGBUS, which no error code can stand for. Of the program alone: a library leaves
/// its host's signals as they are.
void report_bus_errors();

}  // namespace paceline
