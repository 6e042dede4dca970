#include "cli/interrupt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/temporary_path.h"
#include "cli/exit_code.h"

namespace paceline {
namespace {

std::atomic<bool> interrupt_flag{false};
std::atomic<bool> first_one_ends{false};
std::atomic<bool> work_done{false};
std::atomic<int> wake_up{-1};  ///< the end of a pipe that wakes the thread below
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
                  std::atomic<const void*>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

/// The file that is the result, and what stood under its name before.
struct ResultFile {
  std::string path;
  struct stat before {};
  bool was_there = false;
};
std::atomic<const ResultFile*> result_file{nullptr};

/// Whether another file stands there now. stat is allowed in a handler.
bool is_in_place(const ResultFile& result) {
  struct stat now {};
  if (::stat(result.path.c_str(), &now) != 0 || !S_ISREG(now.st_mode)) return false;
  return !result.was_there || now.st_dev != result.before.st_dev || now.st_ino != result.before.st_ino;
}

bool is_done() {
  const ResultFile* const result = result_file;
  return work_done || (result != nullptr && is_in_place(*result));
}

void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) {
    // Nobody reads standard error; the exit code says it, too.
  }
}

/// Uses only what POSIX allows in a handler.
extern "C" void on_signal(int /*signal*/) {
  const int saved = errno;
  const bool again = interrupt_flag.exchange(true);
  if (!again && is_done()) {
    errno = saved;
    return;
  }
  if (again || first_one_ends) {
    say("\npaceline: ended by a signal; no unfinished file is left.\n");
    remove_temporary_paths();
    ::_exit(kExitInterrupted);
  }
  say("\npaceline: stopping after the current work. Press Ctrl-C again to stop at once.\n");
  if (::write(wake_up, "", 1) < 0) {
    // The pipe is empty before the first signal, so that this cannot fail.
  }
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

/// Lives as long as the program, as its thread does.
std::stop_source& stop_source() {
  static auto& source = *new std::stop_source;
  return source;
}

[[noreturn]] void refuse(const char* what, const std::string& why) {
  throw Error(ErrorCode::kResourceExhausted,
              fmt::format("[paceline] the system gives no further {} ({}). Raise the limits of the process (ulimit).",
                          what, why));
}

/// What a stop sets off (locks, callbacks) is not allowed in a handler: a thread does it.
void start_stop_thread() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) refuse("file descriptor", std::strerror(errno));
  wake_up = ends[1];
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for threads whose waits they are to end
  try {
    std::thread([source = stop_source(), end = ends[0]]() mutable {
      char byte = 0;
      while (::read(end, &byte, 1) < 0 && errno == EINTR) {
      }
      source.request_stop();
    }).detach();
  } catch (const std::system_error& error) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    refuse("thread", error.code().message());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

void install_signal_handlers(bool ends_at_once) {
  first_one_ends = ends_at_once;
  if (!ends_at_once) start_stop_thread();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!is_ignored(signal)) handle(signal, on_signal);
  }
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

void note_result_file(const std::filesystem::path& file) {
  auto result = std::make_unique<ResultFile>();
  result->path = file.string();
  result->was_there = ::stat(result->path.c_str(), &result->before) == 0;
  const bool named_once_complete = !result->was_there || S_ISREG(result->before.st_mode);
  if (named_once_complete) result_file = result.release();  // for as long as the handler may come
}

void note_work_done() { work_done = true; }

std::stop_token stop_by_signal() { return stop_source().get_token(); }

bool interrupted() { return interrupt_flag; }

}  // namespace paceline
