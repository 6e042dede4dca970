#include "base/temporary_path.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/testing/as_a_signal.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

void touch(const fs::path& path) { std::ofstream(path) << "x"; }

TEST(TemporaryPath, FilesGoAndThenTheFoldersThatTheyLeaveEmpty) {
  const TemporaryFolder folder;
  const fs::path outer = folder / "outer", inner = outer / "inner";
  fs::create_directories(inner);
  touch(inner / "file");
  touch(folder / "kept");
  const TemporaryPath first(outer), second(inner), third(inner / "file"), never(folder / "never made"),
      full(folder.path());
  remove_as_a_signal_does();
  EXPECT_FALSE(fs::exists(outer));
  EXPECT_TRUE(fs::exists(folder / "kept"));
}

TEST(TemporaryPath, IsForgottenWithItsOwner) {
  const TemporaryFolder folder;
  touch(folder / "a");
  touch(folder / "b");
  { const TemporaryPath path(folder / "a"); }
  TemporaryPath moved(folder / "b");
  TemporaryPath holder = std::move(moved);
  moved = TemporaryPath(folder / "a");
  moved.forget();
  EXPECT_TRUE(moved.empty());
  remove_as_a_signal_does();
  EXPECT_TRUE(fs::exists(folder / "a"));
  EXPECT_FALSE(fs::exists(folder / "b"));
}

TEST(TemporaryPath, MoreThanThereIsRoomForAreNoError) {
  const TemporaryFolder folder;
  std::vector<TemporaryPath> many;
  for (int i = 0; i < 1000; ++i) many.emplace_back(folder / std::to_string(i));
  many.clear();
  touch(folder / "a");
  const TemporaryPath path(folder / "a");
  remove_as_a_signal_does();
  EXPECT_FALSE(fs::exists(folder / "a"));
}

int calls = 0;

TEST(TemporaryPath, OtherCopiesAreAskedOnce) {
  const auto remove = [] { ++calls; };
  also_remove(remove);
  also_remove(remove);
  remove_temporary_paths();
  EXPECT_EQ(calls, 1);
}

std::string file_of_another_copy;

TEST(TemporaryPath, FilesOfOtherCopiesGoBeforeTheFolders) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "made");
  touch(folder / "made" / "file");
  const TemporaryPath made(folder / "made");
  file_of_another_copy = (folder / "made" / "file").string();
  also_remove([] { ::unlink(file_of_another_copy.c_str()); });
  remove_as_a_signal_does();
  EXPECT_FALSE(fs::exists(folder / "made"));
}

TEST(AtomicFile, GoesWhenASignalEndsTheProcess) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "a");
  remove_as_a_signal_does();
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace paceline
