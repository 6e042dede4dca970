#include "base/room.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/testing/sanitized.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// In a process of its own, as limits cannot be raised again: 0 where there was room, 1 where an Error said not, 2 for
/// anything else.
int answer_under(__rlimit_resource_t resource, rlim_t limit, const Room& room) {
  const pid_t child = ::fork();
  if (child == 0) {
    const struct rlimit limits = {.rlim_cur = limit, .rlim_max = limit};
    if (::setrlimit(resource, &limits) != 0) ::_exit(3);
    try {
      check_room("test", room);
      ::_exit(0);
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::kResourceExhausted ? 1 : 2);
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

TEST(Room, IsThereWithoutLimits) {
  EXPECT_NO_THROW(check_room("test", {.threads = 4, .address_bytes = int64_t{1} << 30, .open_files = 4}));
}

TEST(Room, LimitsAreSeenBeforeTheyAreMet) {
  EXPECT_EQ(answer_under(RLIMIT_NOFILE, 200, {.open_files = 8}), 0);
  EXPECT_EQ(answer_under(RLIMIT_NOFILE, 5, {.open_files = 8}), 1);
  if (kSanitized) return;
  EXPECT_EQ(answer_under(RLIMIT_AS, rlim_t{4} << 30, {.address_bytes = 1 << 30}), 0);
  EXPECT_EQ(answer_under(RLIMIT_AS, rlim_t{1} << 30, {.address_bytes = int64_t{1} << 30}), 1);
  EXPECT_EQ(answer_under(RLIMIT_AS, rlim_t{1} << 30, {.threads = 1000}), 1);
}

}  // namespace
}  // namespace paceline
