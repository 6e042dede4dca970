#include "cli/bus_error.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/temporary_path.h"
#include "cli/exit_code.h"

// Everything that the handler runs is what POSIX allows there: system calls and memory of its own.
namespace paceline {
namespace {

constexpr std::size_t kLongestLine = 8192;  // a path has 4096 bytes at most

void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) {
    // Nobody reads standard error; the exit code is what counts.
  }
}

/// A path may hold what a terminal obeys: what is not plain ASCII becomes "?".
void say_printable(std::string_view text) {
  for (const char& one : text) say(one >= ' ' && one <= '~' ? std::string_view(&one, 1) : "?");
}

/// The number in hexadecimal that `text` begins with, which is then taken off it.
uintptr_t take_address(std::string_view& text) {
  uintptr_t value = 0;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char digit = text.front();
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) break;
    value = value * 16 + static_cast<uintptr_t>(decimal ? digit - '0' : digit - 'a' + 10);
  }
  return value;
}

/// The file of a line of /proc/self/maps, "begin-end mode offset device inode      path", where `address` is in it.
std::string_view path_in_line(std::string_view line, uintptr_t address) {
  const uintptr_t begin = take_address(line);
  if (!line.starts_with('-')) return {};
  line.remove_prefix(1);
  const uintptr_t end = take_address(line);
  const std::size_t path = line.find('/');
  return address >= begin && address < end && path != std::string_view::npos ? line.substr(path) : std::string_view();
}

/// Says the name of the mapped file that the address is in.
void say_file_at(uintptr_t address) {
  static std::array<char, 2 * kLongestLine> buffer;
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return;
  std::size_t kept = 0;
  for (ssize_t count = 0; (count = ::read(maps, buffer.data() + kept, buffer.size() - kept)) > 0;) {
    std::string_view text(buffer.data(), kept + static_cast<std::size_t>(count));
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      const std::string_view path = path_in_line(text.substr(0, end), address);
      if (!path.empty()) {
        say("[");
        say_printable(path);
        say("] ");
        break;
      }
      text.remove_prefix(end + 1);
    }
    kept = text.size() < buffer.size() ? text.size() : 0;
    std::memmove(buffer.data(), text.data(), kept);
  }
  ::close(maps);
}

extern "C" void on_bus_error(int signal, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) {
    ::signal(signal, SIG_DFL);  // the instruction is run again, and ends the process as it would have
    return;
  }
  say("paceline: ");
  say_file_at(reinterpret_cast<uintptr_t>(info->si_addr));
  say("the file became shorter while it was read, or its disk failed. Run the command again when it is complete.\n");
  remove_temporary_paths();
  ::_exit(kExitBadData);
}

}  // namespace

void report_bus_errors() {
  struct sigaction action;
  std::memset(&action, 0, sizeof(action));
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigfillset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace paceline
