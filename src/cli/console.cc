#include "cli/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>
#include <string>

#include "base/system_failure.h"
#include "cli/out_of_memory.h"
#include "words/printable.h"

namespace paceline {
namespace {

/// Of a pipe or terminal that somebody made non-blocking.
bool wait_until_writable(int descriptor) {
  pollfd waiting{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&waiting, 1, -1) > 0 || errno == EINTR;
}

/// Writes all of it; false with errno where that is not possible.
bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR || (errno == EAGAIN && wait_until_writable(descriptor))) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// What `shown` makes of the text, as lines on standard error.
void note_shown(std::string_view text, std::string (*shown)(std::string_view)) noexcept {
  try {
    write_all(STDERR_FILENO, shown(text) + "\n");
  } catch (const std::bad_alloc&) {
    write_all(STDERR_FILENO, out_of_memory_line());
    write_all(STDERR_FILENO, "\n");
  }
}

}  // namespace

void Console::write(std::string_view result) {
  if (is_terminal()) {
    write_styled(printable_lines(result));
  } else {
    write_styled(result);
  }
}

void Console::write_styled(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return;
  if (errno == EPIPE) throw OutputClosed{};
  throw system_failure("standard output", "writing the result", errno);
}

void Console::note(std::string_view line) noexcept { note_shown(line, printable); }

void Console::note_lines(std::string_view lines) noexcept { note_shown(lines, printable_lines); }

bool Console::reader_is_gone() {
  pollfd output{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

bool Console::is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

bool Console::has_color() { return is_terminal() && std::getenv("NO_COLOR") == nullptr; }

int Console::width() {
  struct winsize size = {};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace paceline
