#include "base/kept_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/testing/sanitized.h"

namespace paceline {
namespace {

constexpr std::size_t kActivations = std::size_t{64} << 20;  // beyond glibc's largest threshold for mmap, 32 MiB

/// Page faults of one allocation whose every byte is written.
long faults_of_one_use() {
  struct rusage before = {};
  struct rusage after = {};
  ::getrusage(RUSAGE_SELF, &before);
  void* memory = std::malloc(kActivations);
  std::memset(memory, 1, kActivations);
  // Else the compiler may leave all of it out.
  EXPECT_EQ(static_cast<volatile unsigned char*>(memory)[kActivations - 1], 1);
  std::free(memory);
  ::getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(KeptMemory, IsNotFetchedFromTheSystemAgain) {
  if (kSanitized) GTEST_SKIP() << "the allocator is the sanitizer's, though glibc takes the settings";
  if (!keep_freed_memory()) GTEST_SKIP() << "the allocator is not glibc's, or was set by the user";
  faults_of_one_use();
  EXPECT_LT(faults_of_one_use(), 8);
}

TEST(KeptMemory, LeavesWhatTheUserSet) {
  ASSERT_EQ(::setenv("MALLOC_TRIM_THRESHOLD_", "1000000", 1), 0);
  EXPECT_FALSE(keep_freed_memory());
  ::unsetenv("MALLOC_TRIM_THRESHOLD_");
}

}  // namespace
}  // namespace paceline
