#include "cli/out_of_memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <vector>

#include "base/temporary_path.h"
#include "cli/exit_code.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

constexpr std::string_view kGeneralLine = "paceline: [memory] there is not enough of it. Close other programs.";

/// A smaller value takes less memory.
constexpr std::string_view kLoweringFlags[] = {"--max-batch-tokens", "--batch-sizes", "--batch-size", "--max-length"};

/// Made beforehand: there is no memory for it when it is needed.
std::string installed_line;

std::atomic<bool> ending{false};

bool has_flag(const Command& command, std::string_view name) {
  return std::ranges::find(command.flags, name, &Flag::name) != command.flags.end();
}

/// Allocates nothing. Of several threads the first ends the process, the others wait for that.
void end_for_want_of_memory() {
  while (ending.exchange(true)) ::pause();
  const std::string_view line = out_of_memory_line();
  std::array<iovec, 2> parts{{{.iov_base = const_cast<char*>(line.data()), .iov_len = line.size()},
                              {.iov_base = const_cast<char*>("\n"), .iov_len = 1}}};
  if (::writev(STDERR_FILENO, parts.data(), parts.size()) < 0) {
    // Nobody reads standard error; the exit code says it, too.
  }
  remove_temporary_paths();
  ::_exit(kExitExhausted);
}

}  // namespace

std::string out_of_memory_line(const Command& command) {
  std::vector<std::string_view> lowered;
  std::ranges::copy_if(kLoweringFlags, std::back_inserter(lowered),
                       [&](std::string_view name) { return has_flag(command, name); });
  const std::string advice =
      lowered.empty() ? "Close other programs" : fmt::format("Lower {}", fmt::join(lowered, " or "));
  const bool reads_rows = has_flag(command, "--text-column");
  return fmt::format("paceline: [memory] there is not enough of it. {}{}.", advice,
                     reads_rows ? ", or split lines of many megabytes" : "");
}

void install_out_of_memory_handler(const Command& command) {
  installed_line = out_of_memory_line(command);
  on_tokenizer_out_of_memory(end_for_want_of_memory);
}

std::string_view out_of_memory_line() noexcept {
  return installed_line.empty() ? kGeneralLine : std::string_view(installed_line);
}

}  // namespace paceline
