#include "base/cache_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/file_stamp.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

TEST(DefaultCacheDir, FollowsTheEnvironment) {
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(default_cache_dir(), "/x/paceline");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  ::setenv("HOME", "/h", 1);
  EXPECT_EQ(default_cache_dir(), "/h/.cache/paceline");
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(default_cache_dir(), "/h/.cache/paceline");
}

TEST(CacheFolder, IsTrustedWhereNobodyElseMayWrite) {
  const TemporaryFolder folder;
  EXPECT_EQ(why_untrusted(folder.path()), "");
  EXPECT_EQ(why_untrusted(folder / "missing"), "");
  EXPECT_EQ(why_untrusted("/usr"), "") << "root's";
  EXPECT_EQ(why_untrusted("/tmp"), "") << "sticky: its files are judged";
  for (const unsigned mode : {0777u, 0757u}) {
    ::chmod(folder.path().c_str(), mode);
    EXPECT_NE(why_untrusted(folder.path()).find("everybody"), std::string::npos) << mode;
  }
  fs::create_symlink(folder.path(), folder / "link");
  EXPECT_NE(why_untrusted(folder / "link"), "");
}

TEST(CacheFolder, AnotherUsersIsNotTrusted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const TemporaryFolder folder;
  fs::create_directory(folder / "theirs");
  write_file_atomically(folder / "file", "x");
  ASSERT_EQ(::chown((folder / "theirs").c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chown((folder / "file").c_str(), 12345, 12345), 0);
  EXPECT_EQ(why_untrusted(folder / "theirs"), "belongs to another user (uid 12345)");
  EXPECT_FALSE(is_trusted_file(folder / "file"));
  fs::create_symlink(folder.path(), folder / "link");
  ASSERT_EQ(::lchown((folder / "link").c_str(), 12345, 12345), 0);
  EXPECT_EQ(why_untrusted(folder / "link"), "belongs to another user (uid 12345)") << "who chooses where it leads";
}

TEST(CacheFolder, AGroupOfOthersIsNotTrusted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const TemporaryFolder folder;
  write_file_atomically(folder / "file", "x");
  ASSERT_EQ(::chown((folder / "file").c_str(), 0, 12345), 0);
  ::chmod((folder / "file").c_str(), 0664);
  EXPECT_FALSE(is_trusted_file(folder / "file"));
  keep_to_ourselves(folder / "file");
  EXPECT_TRUE(is_trusted_file(folder / "file"));
}

TEST(CacheFolder, IsMadeForThisUserWhateverTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0);
  make_cache_folder(folder / "a/b");
  remember_in_cache(folder / "a/b/memory", "x");
  ::umask(before);
  EXPECT_EQ(why_untrusted(folder / "a/b"), "");
  EXPECT_EQ(recall_from_cache(folder / "a/b/memory", 10), "x");
  write_file_atomically(folder / "file", "x");
  expect_error(
      ErrorCode::kNotFound, [&] { make_cache_folder(folder / "file"); }, "--cache-dir");
  expect_error(
      ErrorCode::kNotFound, [&] { make_cache_folder(folder / "file/below"); }, "--cache-dir");
}

TEST(CacheFolder, MemoriesAreNotWrittenThroughLinksNorIntoFoldersOfOthers) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "victim", "precious");
  fs::create_symlink(folder / "victim", folder / "memory");
  EXPECT_EQ(recall_from_cache(folder / "memory", 100), "");
  remember_in_cache(folder / "memory", "x");
  EXPECT_EQ(read_file(folder / "victim", 100), "precious");
  EXPECT_EQ(recall_from_cache(folder / "memory", 100), "x");
  ::chmod(folder.path().c_str(), 0777);
  remember_in_cache(folder / "other", "x");
  EXPECT_FALSE(fs::exists(folder / "other"));
  EXPECT_EQ(recall_from_cache(folder / "memory", 100), "");
}

TEST(FileStamp, TellsAFileWrittenInPlaceWithItsOldTime) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  const FileStamp before = stamp_of(folder / "a");
  EXPECT_EQ(stamp_of(folder / "a").text, before.text);
  ::usleep(150'000);
  EXPECT_TRUE(is_settled(before));
  fs::last_write_time(folder / "a", fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_FALSE(is_settled(stamp_of(folder / "a"))) << "of the future";
  EXPECT_TRUE(is_settled({.text = "", .settled = 0}));
  const auto time = fs::last_write_time(folder / "a");
  // The clock of a file system goes in steps.
  for (int i = 0; i < 1000 && stamp_of(folder / "a").text == before.text; ++i) {
    ::usleep(1000);
    fs::last_write_time(folder / "a", time);
  }
  EXPECT_NE(stamp_of(folder / "a").text, before.text);
  EXPECT_EQ(stamp_of(folder / "missing").text, "missing");
}

}  // namespace
}  // namespace paceline
