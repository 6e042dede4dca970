#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace paceline {
namespace {

std::atomic<bool> interrupt_flag{false};
int empty_input = -1;  ///< a descriptor that reads as an empty file
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

/// Uses only what POSIX allows in a handler.
extern "C" void on_interrupt(int /*signal*/) {
  const int saved = errno;
  interrupt_flag.store(true, std::memory_order_relaxed);
  static constexpr char kMessage[] = "\npaceline: stopping after the work at hand; once more to stop at once.\n";
  if (::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1) < 0) {
    // Nobody reads standard error; the flag is what counts.
  }
  if (empty_input >= 0) ::dup2(empty_input, STDIN_FILENO);
  errno = saved;
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action;
  std::memset(&action, 0, sizeof(action));
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void install_signal_handlers() {
  empty_input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // SA_RESETHAND: the second signal finds the default action. No SA_RESTART: a read that waits for input comes back.
  handle(SIGINT, on_interrupt, SA_RESETHAND);
  handle(SIGTERM, on_interrupt, SA_RESETHAND);
  handle(SIGPIPE, SIG_IGN, 0);
  handle(SIGXFSZ, SIG_IGN, 0);
}

const std::atomic<bool>& interrupted() { return interrupt_flag; }

}  // namespace paceline
