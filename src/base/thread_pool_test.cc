#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "paceline/error.h"

namespace paceline {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8), testing::PrintToStringParamName());

TEST_P(ThreadPoolTest, EveryThreadRunsTheTaskOnce) {
  ThreadPool pool(GetParam());
  ASSERT_EQ(pool.size(), GetParam());
  std::vector<int> calls(static_cast<std::size_t>(GetParam()));
  for (int round = 1; round <= 200; ++round) {
    pool.run([&](int thread) { ++calls[static_cast<std::size_t>(thread)]; });
    for (const int count : calls) ASSERT_EQ(count, round);
  }
}

TEST_P(ThreadPoolTest, CallerIsThreadZero) {
  ThreadPool pool(GetParam());
  std::thread::id zero;
  pool.run([&](int thread) {
    if (thread == 0) zero = std::this_thread::get_id();
  });
  EXPECT_EQ(zero, std::this_thread::get_id());
}

TEST_P(ThreadPoolTest, SleepingThreadsWakeUp) {
  ThreadPool pool(GetParam());
  std::atomic<int> calls{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // far beyond the spinning
    pool.run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 5 * GetParam());
}

TEST_P(ThreadPoolTest, BarrierSeparatesPhases) {
  ThreadPool pool(GetParam());
  constexpr int kPhases = 50;
  std::vector<int> written(static_cast<std::size_t>(GetParam()));
  std::atomic<int> early{0};
  pool.run([&](int thread) {
    for (int phase = 1; phase <= kPhases; ++phase) {
      written[static_cast<std::size_t>(thread)] = phase;
      pool.barrier();
      for (const int other : written) early += other != phase;
      pool.barrier();
    }
  });
  EXPECT_EQ(early, 0);
}

TEST_P(ThreadPoolTest, ExceptionReachesTheCallerAndThePoolGoesOn) {
  ThreadPool pool(GetParam());
  for (int thrower = 0; thrower < GetParam(); ++thrower) {
    try {
      pool.run([&](int thread) {
        if (thread == thrower) throw std::runtime_error("thread " + std::to_string(thread));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "thread " + std::to_string(thrower));
    }
    std::atomic<int> calls{0};
    pool.run([&](int) { ++calls; });
    EXPECT_EQ(calls, GetParam());
  }
}

TEST_P(ThreadPoolTest, FailureReleasesThoseAtABarrier) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 20; ++round) {
    EXPECT_THROW(pool.run([&](int thread) {
      if (thread == pool.size() - 1) throw std::runtime_error("before the barrier");
      pool.barrier();
    }),
                 std::runtime_error);
    std::atomic<int> calls{0};
    pool.run([&](int) {
      pool.barrier();
      ++calls;
      pool.barrier();
    });
    EXPECT_EQ(calls, GetParam());
  }
}

TEST(ThreadPoolForkTest, AChildIsToldThatItsThreadsAreNotThere) {
  ThreadPool pool(3);
  pool.run([](int) {});
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(100);  // what hangs is ended, and fails below
    int wrong = 0;
    {
      ThreadPool own(2);
      std::atomic<int> calls{0};
      own.run([&](int) { ++calls; });
      if (calls != 2) wrong += 1;
      try {
        pool.run([](int) {});
        wrong += 2;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInvalidArgument) wrong += 4;
      }
      pool.~ThreadPool();
    }
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  std::atomic<int> calls{0};
  pool.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 3) << "the parent goes on";
}

}  // namespace
}  // namespace paceline
