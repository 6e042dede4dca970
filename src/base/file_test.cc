#include "base/file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>

#include "base/expect_error.h"
#include "base/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(ReadFile, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  std::string content(100'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 31 % 251);
  }
  write_file_atomically(folder / "a", content);
  EXPECT_EQ(read_file(folder / "a", content.size()), content);
  write_file_atomically(folder / "a", "");
  EXPECT_EQ(read_file(folder / "a", 0), "");
}

TEST(ReadFile, ReadsFilesThatDoNotTellTheirSize) { EXPECT_FALSE(read_file("/proc/self/status", 1 << 20).empty()); }

TEST(ReadFile, RefusesWhatIsTooLargeMissingOrAFolder) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "12345");
  expect_error(
      ErrorCode::kCorruptData, [&] { read_file(folder / "a", 4); }, (folder / "a").string(), "4 bytes");
  expect_error(
      ErrorCode::kCorruptData, [&] { read_file("/dev/zero", 10'000); }, "/dev/zero");
  expect_error(
      ErrorCode::kNotFound, [&] { read_file(folder / "b", 4); }, "No such file");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { read_file(folder.path(), 4); }, "directory");
}

TEST(MappedFile, ShowsTheBytesAndSurvivesAMove) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "abc");
  MappedFile first = MappedFile::open(folder / "a");
  const MappedFile second = std::move(first);
  ASSERT_EQ(second.bytes().size(), 3u);
  EXPECT_EQ(static_cast<char>(second.bytes()[2]), 'c');
  EXPECT_TRUE(first.bytes().empty());  // NOLINT(bugprone-use-after-move): a moved-from file is an empty one
  EXPECT_EQ(second.path(), folder / "a");
}

TEST(MappedFile, BytesComeBackAfterTheirRelease) {
  const TemporaryFolder folder;
  const std::string content(100000, 'x');
  write_file_atomically(folder / "a", content);
  const MappedFile file = MappedFile::open(folder / "a");
  const auto text = [&] {
    return std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  };
  EXPECT_EQ(text(), content);
  file.release_pages();
  EXPECT_EQ(text(), content);
  MappedFile().release_pages();
}

TEST(MappedFile, EmptyMissingAndNoFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "");
  EXPECT_TRUE(MappedFile::open(folder / "a").bytes().empty());
  expect_error(
      ErrorCode::kNotFound, [&] { MappedFile::open(folder / "b"); }, "opening");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { MappedFile::open(folder.path()); }, "directory");
}

TEST(AtomicFile, LeavesTheOldContentUntilCommitAndNothingWithoutIt) {
  const TemporaryFolder folder;
  const fs::path path = folder / "plan.json";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(read_file(path, 10), "old");
    EXPECT_EQ(entries(folder.path()), 2u);
  }
  EXPECT_EQ(read_file(path, 10), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
  {
    AtomicFile file(path);
    file.write("new");
    file.commit();
    EXPECT_EQ(file.written(), 3u);
  }
  EXPECT_EQ(read_file(path, 10), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, KeepsTheOrderOfSmallAndLargePieces) {
  const TemporaryFolder folder;
  std::string expected;
  AtomicFile file(folder / "a");
  for (const std::size_t size : {10u, 300'000u, 1u, 262'000u, 500u, 262'144u, 3u}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    expected += piece;
    file.write(piece);
  }
  file.commit();
  EXPECT_EQ(file.written(), expected.size());
  EXPECT_EQ(read_file(folder / "a", expected.size()), expected);
}

TEST(AtomicFile, FollowsALinkAndKeepsIt) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "target", 10), "new");
}

TEST(AtomicFile, NamesWhatStandsInTheWay) {
  const TemporaryFolder folder;
  expect_error(
      ErrorCode::kNotFound, [&] { AtomicFile(folder / "no" / "a"); }, "No such file");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { AtomicFile(folder.path()); }, "directory");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { AtomicFile(folder / std::string(250, 'a')); }, "too long");
}

TEST(AtomicFile, AFullDiskIsResourceExhausted) {
  expect_error(
      ErrorCode::kResourceExhausted, [] { write_file_atomically("/dev/full", "x"); }, "/dev/full", "The disk is full");
}

TEST(AtomicFile, PassesOverWhatAProcessOfTheSameIdLeft) {
  const TemporaryFolder folder;
  std::string name;
  {
    const AtomicFile file(folder / "a");
    name = fs::directory_iterator(folder.path())->path().string();
  }
  const std::size_t number = name.rfind('-') + 1;
  const std::string next = name.substr(0, number) + std::to_string(std::stoi(name.substr(number)) + 1);
  fs::create_directory(next);
  write_file_atomically(folder / "a", "new");
  EXPECT_EQ(read_file(folder / "a", 10), "new");
  EXPECT_EQ(entries(folder.path()), 2u);
}

// RLIMIT_FSIZE stands for a full disk on a regular file; it holds for a whole process, hence the child.
TEST(AtomicFile, AFullDiskLeavesNothingBehind) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomically(folder / "a", std::string(5000, 'x'));
    } catch (const Error& error) {
      _exit(error.code() == ErrorCode::kResourceExhausted ? 0 : 2);
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(entries(folder.path()), 0u);
}

}  // namespace
}  // namespace paceline
