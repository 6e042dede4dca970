#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/temporary_path.h"
#include "cli/exit_code.h"

namespace paceline {
namespace {

std::atomic<bool> interrupt_flag{false};
std::atomic<bool> first_one_ends{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) {
    // Nobody reads standard error; the exit code says it, too.
  }
}

/// Uses only what POSIX allows in a handler.
extern "C" void on_signal(int signal) {
  const int saved = errno;
  const bool again = interrupt_flag.exchange(true);
  if (signal != SIGINT || again || first_one_ends) {
    say("\npaceline: ended by a signal; no unfinished file is left.\n");
    remove_temporary_paths();
    ::_exit(kExitInterrupted);
  }
  say("\npaceline: stopping after the work at hand; once more to stop at once.\n");
  errno = saved;
}

/// Whoever started the program may have had it so: nohup, a shell for its background jobs, trap '' INT.
bool is_ignored(int signal) {
  struct sigaction action;
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action;
  std::memset(&action, 0, sizeof(action));
  action.sa_handler = handler;
  ::sigfillset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void install_signal_handlers(bool ends_at_once) {
  first_one_ends = ends_at_once;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!is_ignored(signal)) handle(signal, on_signal);
  }
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

const std::atomic<bool>& interrupted() { return interrupt_flag; }

}  // namespace paceline
