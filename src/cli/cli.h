#pragma once

namespace paceline {

/// The program: picks the subcommand, catches everything, returns the exit code (see exit_code.h).
int run_cli(int argc, char** argv);

}  // namespace paceline
