#pragma once

#include <atomic>

#include "paceline/error.h"

namespace paceline {

/// From now on the first Ctrl-C sets the flag and says so; the second, SIGTERM and SIGHUP end the program at once with
/// kExitInterrupted, temporary files removed; `ends_at_once`: the first Ctrl-C, too. One that is ignored when the
/// program starts stays ignored. Writing to a closed pipe or beyond the limit on a file's size becomes an error instead
/// of a signal.
void install_signal_handlers(bool ends_at_once);

/// Whether to stop as soon as that leaves nothing half-done.
const std::atomic<bool>& interrupted();

/// Ctrl-C broke off what was waited for, as has been said.
struct WaitBrokenOff {};

/// Runs `action`, which may wait: what fails in it once Ctrl-C was pressed is WaitBrokenOff.
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
