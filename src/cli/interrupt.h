#pragma once

#include <filesystem>
#include <stop_token>

#include "paceline/error.h"

namespace paceline {

/// From now on the first of SIGINT (Ctrl-C), SIGTERM and SIGHUP asks for a stop and says so; the second ends the
/// program at once with kExitInterrupted, temporary files removed; `ends_at_once`: the first one, too. One that is
/// ignored when the program starts stays ignored. Writing to a closed pipe or beyond the limit on a file's size becomes
/// an error instead of a signal. Throws Error{resource_exhausted}.
void install_signal_handlers(bool ends_at_once);

/// What the program was asked for will be this file, under its name once it is complete. From that moment on it counts
/// as done, though whoever wrote it has not returned yet. Not for what is written directly: a device, a pipe.
void note_result_file(const std::filesystem::path& file);

/// What the program was asked for is done and in its place: the first signal no longer changes how it ends. The second
/// ends it at once, as ever.
void note_work_done();

/// Asked for a stop by the first signal: to end as soon as that leaves nothing half-done.
std::stop_token stop_by_signal();

/// Whether a signal has come, also where the stop is still on its way.
bool interrupted();

/// A signal broke off what was waited for, as has been said.
struct WaitBrokenOff {};

/// Runs `action`, which may wait: what fails in it once a signal has come is WaitBrokenOff.
template <class Action>
auto interruptibly(Action&& action) {
  try {
    return action();
  } catch (const Error&) {
    if (interrupted()) throw WaitBrokenOff{};
    throw;
  }
}

}  // namespace paceline
