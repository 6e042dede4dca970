#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

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
      ErrorCode::kUnsupported, [] { read_file("/dev/zero", 4); }, "/dev/zero", "a device");
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

TEST(MappedFile, CopiesAndSaysThatTheFileBecameShorter) {
  const TemporaryFolder folder;
  const std::string content = std::string(100000, 'x') + "end";
  write_file_atomically(folder / "a", content);
  const MappedFile file = MappedFile::open(folder / "a");
  std::string part(10, ' ');
  const auto copy = [&](std::size_t first) { file.copy(first, std::as_writable_bytes(std::span(part))); };
  copy(content.size() - part.size());
  EXPECT_EQ(part, "xxxxxxxend");
  fs::resize_file(folder / "a", content.size() - 1);
  copy(0);
  EXPECT_EQ(part, "xxxxxxxxxx");
  expect_error(
      ErrorCode::kCorruptData, [&] { copy(content.size() - part.size()); }, "/a] the file became shorter");
  file.copy(content.size(), {});
  MappedFile().copy(0, {});
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

TEST(OpenToRead, WaitsForNoPipeAndReadsNoDevice) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  fs::create_symlink("/dev/zero", folder / "zero");
  fs::create_symlink("nowhere", folder / "dangling");
  fs::create_symlink("loop", folder / "loop");
  for (const char* name : {"pipe", "link"}) {
    expect_error(
        ErrorCode::kUnsupported, [&] { read_file(folder / name, 4); }, name, "a named pipe");
    expect_error(
        ErrorCode::kUnsupported, [&] { MappedFile::open(folder / name); }, name, "a named pipe");
  }
  expect_error(
      ErrorCode::kUnsupported, [&] { read_file(folder / "zero", 4); }, "a device");
  expect_error(
      ErrorCode::kNotFound, [&] { read_file(folder / "dangling", 4); }, "a link to a file that is not there");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { read_file(folder / "loop", 4); }, "opening failed");
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

TEST(AtomicFile, WritesWhereALinkPointsToThoughNothingIsThere) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "other");
  fs::create_symlink("other/target", folder / "link");
  fs::create_symlink("link", folder / "second");
  write_file_atomically(folder / "second", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "other" / "target", 10), "new");
}

TEST(AtomicFile, KeepsTheModeOfAFileThatIsReplaced) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a";
  for (const auto mode : {0600u, 0640u, 0755u, 0444u}) {
    write_file_atomically(path, "old");
    fs::permissions(path, static_cast<fs::perms>(mode));
    write_file_atomically(path, "new");
    EXPECT_EQ(static_cast<unsigned>(fs::status(path).permissions()), mode);
    EXPECT_EQ(read_file(path, 10), "new");
    fs::remove(path);
  }
}

TEST(AtomicFile, IsAsSecretAsWhatItReplacesFromTheBeginning) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  fs::permissions(folder / "a", fs::perms::owner_read | fs::perms::owner_write);
  const AtomicFile file(folder / "a");
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()), 0600u) << entry.path();
  }
}

TEST(AtomicFile, TakesNamesAsLongAsTheFileSystemDoes) {
  const TemporaryFolder folder;
  for (const std::size_t length : {240u, 241u, 255u}) {
    const std::string name(length, 'n');
    write_file_atomically(folder / name, "x");
    EXPECT_EQ(read_file(folder / name, 10), "x");
  }
}

/// An open file in place of /dev/stdout, which is a link to /proc/self/fd/1.
class NumberedDescriptor {
 public:
  NumberedDescriptor(const fs::path& file, int flags) : number_(::open(file.c_str(), flags | O_CREAT, 0600)) {}
  NumberedDescriptor(const NumberedDescriptor&) = delete;
  NumberedDescriptor& operator=(const NumberedDescriptor&) = delete;
  ~NumberedDescriptor() { ::close(number_); }
  std::vector<fs::path> names() const {
    const std::string number = std::to_string(number_);
    return {"/dev/fd/" + number, "/proc/self/fd/" + number, "/proc/thread-self/fd/" + number,
            fmt::format("/proc/{}/fd/{}", ::getpid(), number)};
  }
  void say(std::string_view text) const {
    ASSERT_EQ(::write(number_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

 private:
  int number_;
};

TEST(AtomicFile, WritesThroughAnOpenDescriptorFromItsOffset) {
  const TemporaryFolder folder;
  const NumberedDescriptor group(folder / "group", O_WRONLY);
  group.say("header\n");
  for (const fs::path& name : group.names()) write_file_atomically(name, "row\n");
  fs::create_symlink(group.names()[1], folder / "stdout");
  write_file_atomically(folder / "stdout", "linked\n");
  group.say("footer\n");
  EXPECT_EQ(read_file(folder / "group", 100), "header\nrow\nrow\nrow\nrow\nlinked\nfooter\n");
  EXPECT_EQ(entries(folder.path()), 2u);
}

TEST(AtomicFile, AppendsToAnOpenDescriptorThatAppends) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "log", "precious\n");
  const NumberedDescriptor log(folder / "log", O_WRONLY | O_APPEND);
  write_file_atomically(log.names().front(), "row\n");
  EXPECT_EQ(read_file(folder / "log", 100), "precious\nrow\n");
}

TEST(AtomicFile, ADescriptorThatIsNotOpenIsNoFile) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { AtomicFile("/proc/self/fd/987654"); }, "/proc/self/fd/987654", "descriptor");
}

TEST(AtomicFile, WritesThroughAPipe) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  write_file_atomically(folder / "pipe", "row");
  char read[10] = {};
  EXPECT_EQ(::read(reader, read, sizeof(read)), 3);
  EXPECT_STREQ(read, "row");
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  ::close(reader);
}

TEST(AtomicFile, NothingHasTheNameBeforeTheLastOfSeveralIsFinished) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "first");
  AtomicFile second(folder / "second");
  first.write("1");
  second.write("2");
  first.finish();
  second.finish();
  EXPECT_FALSE(fs::exists(folder / "first") || fs::exists(folder / "second"));
  first.commit();
  second.commit();
  EXPECT_EQ(read_file(folder / "first", 10) + read_file(folder / "second", 10), "12");
}

TEST(AtomicFile, NamesWhatStandsInTheWay) {
  const TemporaryFolder folder;
  expect_error(
      ErrorCode::kNotFound, [&] { AtomicFile(folder / "no" / "a"); }, "No such file");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { AtomicFile(folder.path()); }, "directory");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { AtomicFile(folder / std::string(256, 'a')); }, "too long");
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { AtomicFile(folder / "a"); }, "symbolic links");
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

// RLIMIT_FSIZE stands for a full disk on a regular file, too; it holds for a whole process, hence the child.
TEST(AtomicFile, AFileThatMayNotGrowIsNamedSoAndLeavesNothingBehind) {
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
      const bool limit_is_named = std::string_view(error.what()).find("ulimit -f") != std::string_view::npos;
      _exit(error.code() == ErrorCode::kResourceExhausted && limit_is_named ? 0 : 2);
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
