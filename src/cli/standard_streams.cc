#include "cli/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace paceline {

void occupy_closed_streams() {
  // In this order the lowest free number is always the one that is looked at. O_PATH neither reads nor writes: EBADF,
  // as with the closed descriptor.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    if (stream == STDERR_FILENO && ::open("/dev/null", O_WRONLY) >= 0) continue;
    static_cast<void>(::open("/", O_PATH));
  }
}

}  // namespace paceline
