#include "cli/out_of_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "base/temporary_path.h"
#include "cli/exit_code.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

std::atomic<bool> ending{false};

/// Allocates nothing. Of several threads the first ends the process, the others wait for that.
void end_for_want_of_memory() {
  while (ending.exchange(true)) ::pause();
  std::array<iovec, 2> parts{{{.iov_base = const_cast<char*>(kOutOfMemory.data()), .iov_len = kOutOfMemory.size()},
                              {.iov_base = const_cast<char*>("\n"), .iov_len = 1}}};
  if (::writev(STDERR_FILENO, parts.data(), parts.size()) < 0) {
    // Nobody reads standard error; the exit code says it, too.
  }
  remove_temporary_paths();
  ::_exit(kExitExhausted);
}

}  // namespace

void install_out_of_memory_handler() { on_tokenizer_out_of_memory(end_for_want_of_memory); }

}  // namespace paceline
