#include "base/stop_descriptor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// poll() takes an int; a longer wait is made of several.
constexpr double kLongestPollSeconds = 3600;

int make_event(const std::stop_token& stop) {
  if (!stop.stop_possible()) return -1;
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event >= 0) return event;
  throw Error(ErrorCode::kResourceExhausted,
              fmt::format("[stop] the system gives no further file descriptor ({}). Raise the limit on open files "
                          "(ulimit -n).",
                          std::strerror(errno)));
}

}  // namespace

StopDescriptor::StopDescriptor(std::stop_token stop) : stop_(std::move(stop)), event_(make_event(stop_)) {
  if (event_.number() < 0) return;
  on_stop_.emplace(stop_, [number = event_.number()] {
    const uint64_t one = 1;
    // It cannot fail: the counter of a new event has room, and the descriptor is open as long as this callback.
    static_cast<void>(!::write(number, &one, sizeof one));
  });
}

Wait wait_readable(int descriptor, const StopDescriptor& stop, double seconds) {
  const double deadline = monotonic_seconds() + seconds;
  while (true) {
    if (stop.stop_requested()) return Wait::kStopped;
    const double left = deadline - monotonic_seconds();
    if (left < 0) return Wait::kTimeout;
    std::array<pollfd, 2> waits{pollfd{.fd = descriptor, .events = POLLIN, .revents = 0},
                                pollfd{.fd = stop.number(), .events = POLLIN, .revents = 0}};
    const double milliseconds = std::ceil(1e3 * std::min(left, kLongestPollSeconds));
    if (::poll(waits.data(), waits.size(), static_cast<int>(milliseconds)) <= 0) continue;
    if (waits[0].revents != 0 && !stop.stop_requested()) return Wait::kReadable;
  }
}

}  // namespace paceline
