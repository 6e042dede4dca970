#include "base/folder_lock.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/testing/as_a_signal.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class FolderLockTest : public testing::Test {
 protected:
  std::unique_ptr<FolderLock> lock() const { return std::make_unique<FolderLock>(folder_.path(), "it is in use."); }
  void expect_in_use() const {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { lock(); }, fmt::format("[{}] it is in use.", folder_.path().string()));
  }
  /// A process that has the lock.
  pid_t start_holder() const {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const FolderLock held(folder_.path(), "");
      if (::write(ends[1], "x", 1) == 1) ::pause();
      ::_exit(1);
    }
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    for (const int end : ends) ::close(end);
    return child;
  }

  TemporaryFolder folder_;
};

TEST_F(FolderLockTest, OneAtATimeAndNothingStays) {
  {
    const auto held = lock();
    expect_in_use();
    expect_in_use();
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
  lock();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(FolderLockTest, AKilledProcessKeepsNobodyOut) {
  const pid_t holder = start_holder();
  expect_in_use();
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_TRUE(fs::exists(folder_ / FolderLock::kFileName));
  lock();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(FolderLockTest, ASignalRemovesTheFile) {
  const auto held = lock();
  remove_as_a_signal_does();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

/// Each removes the file that others are about to lock.
TEST_F(FolderLockTest, TheFilesRemovalLetsNoTwoIn) {
  std::atomic<int> inside{0};
  std::atomic<bool> two{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 300; ++turn) {
        try {
          const auto held = lock();
          if (++inside > 1) two = true;
          --inside;
        } catch (const Error&) {
          continue;
        }
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(two);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(FolderLockTest, ALinkOfThatNameIsNotFollowed) {
  write_file_atomically(folder_ / "other", "x");
  fs::create_symlink(folder_ / "other", folder_ / FolderLock::kFileName);
  EXPECT_THROW(lock(), Error);
  EXPECT_TRUE(fs::exists(folder_ / "other"));
}

}  // namespace
}  // namespace paceline
