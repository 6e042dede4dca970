#include "base/temporary_name.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/staging_folder.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Each folder is looked at once in a process, so every test has one of its own.
class Abandoned : public testing::Test {
 protected:
  fs::path make(const std::string& name) {
    ::close(::open((folder_ / name).c_str(), O_WRONLY | O_CREAT, 0600));
    return folder_ / name;
  }

  TemporaryFolder folder_;
};

/// Does it in a process that is then killed.
template <class Function>
void killed_after(Function function) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    function();
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(Abandoned, WhatAKilledProcessLeftGoesWithTheNextFile) {
  killed_after([&] {
    const auto* file = new AtomicFile(folder_ / "a");
    static_cast<void>(file);
    auto* staging = new StagingFolder(folder_.path());
    write_file_atomically(staging->place("charts/x.svg"), "x");
  });
  EXPECT_FALSE(fs::is_empty(folder_.path()));
  write_file_atomically(folder_ / "b", "x");
  EXPECT_TRUE(fs::exists(folder_ / "b"));
  fs::remove(folder_ / "b");
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(Abandoned, WhatIsInUseStays) {
  const AtomicFile file(folder_ / "a");
  const StagingFolder staging(folder_.path());
  killed_after([&] {
    write_file_atomically(folder_ / "b", "x");  // looks at the folder again: another process
    remove_abandoned(folder_.path());
  });
  EXPECT_TRUE(fs::exists(staging.path()));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 3);
}

TEST_F(Abandoned, OtherNamesStay) {
  const std::string whole = temporary_name();
  const std::vector<std::string> names{".paceline-tmp-",
                                       ".paceline-tmp-x",
                                       whole + "x",
                                       "x" + whole,
                                       ".paceline-tmp-0123456",
                                       ".a.tmp-12-0",
                                       "a",
                                       whole.substr(1),
                                       whole + ".json",
                                       ".paceline-tmp-zzzzzzzz-1-1"};
  for (const std::string& name : names) make(name);
  const fs::path abandoned = make(whole);
  remove_abandoned(folder_.path());
  EXPECT_FALSE(fs::exists(abandoned));
  for (const std::string& name : names) EXPECT_TRUE(fs::exists(folder_ / name)) << name;
}

TEST_F(Abandoned, ALinkOfSuchANameIsNotFollowed) {
  const fs::path victim = make("victim");
  fs::create_symlink(victim, folder_ / temporary_name());
  fs::create_directory(folder_ / "folder");
  fs::create_symlink(folder_ / "folder", folder_ / temporary_name());
  remove_abandoned(folder_.path());
  EXPECT_TRUE(fs::exists(victim));
  EXPECT_TRUE(fs::exists(folder_ / "folder"));
}

TEST_F(Abandoned, WhoWasTakenForDeadTriesAnotherName) {
  const fs::path path = make("x");
  const int mine = ::open(path.c_str(), O_RDWR);
  const int theirs = ::open(path.c_str(), O_RDWR);
  ASSERT_EQ(::flock(theirs, LOCK_EX), 0);
  EXPECT_FALSE(hold_temporary(mine, path));
  ::close(theirs);
  EXPECT_TRUE(hold_temporary(mine, path));
  fs::remove(path);
  EXPECT_FALSE(hold_temporary(mine, path));
  ::close(mine);
}

TEST_F(Abandoned, AFolderThatIsMissingIsNoMatter) { remove_abandoned(folder_ / "missing"); }

TEST_F(Abandoned, AStagingFolderIsForThisUserAlone) {
  const StagingFolder staging(folder_.path());
  EXPECT_EQ(static_cast<unsigned>(fs::status(staging.path()).permissions()), 0700u);
}

}  // namespace
}  // namespace paceline
