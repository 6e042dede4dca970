#include "report/file_swap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class FileSwapTest : public testing::Test {
 protected:
  void stage(const std::string& name) { write_file_atomically(staging_.place(name), "new"); }
  std::string text(const std::string& name) const { return read_file(out_ / name, 100); }

  TemporaryFolder out_;
  StagingFolder staging_{out_.path()};
};

TEST_F(FileSwapTest, PutsAndTakesAway) {
  write_file_atomically(out_ / "a", "old");
  write_file_atomically(out_ / "b", "old");
  stage("a");
  stage("charts/c");
  FileSwap swap(staging_, out_.path());
  swap.put("a");
  swap.put("charts/c");
  swap.take_away("b");
  swap.take_away("missing");
  swap.keep();
  EXPECT_EQ(text("a") + text("charts/c"), "newnew");
  EXPECT_FALSE(fs::exists(out_ / "b"));
}

TEST_F(FileSwapTest, WhatIsNotKeptComesBack) {
  fs::create_directory(out_ / "charts");
  for (const char* name : {"a", "b", "charts/c"}) write_file_atomically(out_ / name, "old");
  for (const char* name : {"a", "new/d"}) stage(name);
  {
    FileSwap swap(staging_, out_.path());
    swap.put("a");
    swap.take_away("charts/c");
    swap.put("new/d");
    EXPECT_EQ(text("a"), "new");
    EXPECT_THROW(swap.put("b"), Error);  // was not staged
  }
  EXPECT_EQ(text("a") + text("b") + text("charts/c"), "oldoldold");
  EXPECT_FALSE(fs::exists(out_ / "new"));
}

std::atomic<int> signalled{0};

TEST_F(FileSwapTest, ASignalWaitsUntilAllIsInPlace) {
  stage("a");
  stage("b");
  auto* const before = std::signal(SIGTERM, [](int) { ++signalled; });
  {
    FileSwap swap(staging_, out_.path());
    swap.put("a");
    raise(SIGTERM);
    EXPECT_EQ(signalled, 0);
    swap.put("b");
    swap.keep();
  }
  EXPECT_EQ(signalled, 1);
  std::signal(SIGTERM, before);
  EXPECT_EQ(text("a") + text("b"), "newnew");
}

TEST_F(FileSwapTest, AFolderGoesWithItsLastFile) {
  fs::create_directory(out_ / "charts");
  for (const char* name : {"charts/c", "charts/mine"}) write_file_atomically(out_ / name, "old");
  FileSwap first(staging_, out_.path());
  first.take_away("charts/c");
  first.keep();
  EXPECT_EQ(text("charts/mine"), "old");
  FileSwap second(staging_, out_.path());
  second.take_away("charts/mine");
  second.keep();
  EXPECT_FALSE(fs::exists(out_ / "charts"));
}

}  // namespace
}  // namespace paceline
