#include "cli/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "paceline/error.h"

namespace paceline {
namespace {

/// Writes all of it; false with errno where that is not possible.
bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

void Console::write(std::string_view result) {
  if (write_all(STDOUT_FILENO, result)) return;
  if (errno == EPIPE) throw OutputClosed{};
  throw Error{
      ErrorCode::kResourceExhausted,
      fmt::format("[standard output] the result could not be written: {}. Is the disk full?", std::strerror(errno))};
}

void Console::note(std::string_view line) { write_all(STDERR_FILENO, std::string{line} + "\n"); }

bool Console::is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

int Console::width() {
  struct winsize size = {};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace paceline
