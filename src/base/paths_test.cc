#include "base/paths.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

/// Names that the system cannot follow, with what it says of each.
struct OddPath {
  fs::path path;
  int number;
};

std::vector<OddPath> odd_paths(const TemporaryFolder& folder) {
  fs::create_symlink(folder / "loop", folder / "loop");
  std::vector<OddPath> paths{{folder / "loop", ELOOP},
                             {folder / "loop" / "below", ELOOP},
                             {folder / std::string(300, 'n'), ENAMETOOLONG},
                             {folder / std::string(300, 'n') / "below", ENAMETOOLONG},
                             {fs::path(std::string(5000, '/') + "x"), ENAMETOOLONG}};
  if (::geteuid() != 0) {  // root may look everywhere
    fs::create_directory(folder / "closed");
    fs::permissions(folder / "closed", fs::perms::none);
    paths.push_back({folder / "closed" / "below", EACCES});
  }
  return paths;
}

TEST(Paths, SayWhatIsThere) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("nowhere", folder / "dangling");
  EXPECT_EQ(path_kind(folder / "file"), PathKind::kFile);
  EXPECT_TRUE(is_file(folder / "link"));
  EXPECT_TRUE(is_folder(folder.path()));
  EXPECT_EQ(path_kind("/dev/null"), PathKind::kOther);
  for (const fs::path& nothing : {folder / "none", folder / "file" / "below", fs::path()}) {
    EXPECT_FALSE(path_exists(nothing)) << nothing;
    EXPECT_EQ(path_kind(nothing), PathKind::kNothing) << nothing;
  }
  for (const char* name : {"file", "link", "dangling"}) EXPECT_TRUE(path_exists(folder / name)) << name;
  EXPECT_EQ(path_kind(folder / "dangling"), PathKind::kNothing);
  EXPECT_EQ(names_in(folder.path()), (std::vector<fs::path>{"dangling", "file", "link"}));
  EXPECT_TRUE(names_in(folder / "none").empty());
  EXPECT_TRUE(names_in(folder / "file").empty());
  make_folders(folder / "a" / "b");
  make_folders(folder / "a" / "b");
  EXPECT_TRUE(is_folder(folder / "a" / "b"));
  EXPECT_EQ(absolute_path("/a/./b/../c"), "/a/c");
}

TEST(Paths, WhatTheSystemCannotFollowIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  for (const OddPath& odd : odd_paths(folder)) {
    const std::vector<std::function<void()>> calls{
        [&] { path_kind(odd.path); },        [&] { names_in(odd.path); },
        [&] { make_folders(odd.path); },     [&] { read_file(odd.path, 10); },
        [&] { MappedFile::open(odd.path); }, [&] { write_file_atomically(odd.path, "x"); }};
    for (const auto& call : calls) {
      SCOPED_TRACE(testing::Message() << odd.path.string().substr(0, 60) << " in call " << (&call - calls.data()));
      try {
        call();
        ADD_FAILURE() << "no error was thrown";
      } catch (const Error& error) {
        EXPECT_EQ(error_code_name(error.code()), "invalid_argument") << error.what();
        EXPECT_NE(std::string(error.what()).find(std::strerror(odd.number)), std::string::npos) << error.what();
      }
    }
  }
  std::error_code ignored;
  fs::permissions(folder / "closed", fs::perms::owner_all, ignored);
}

TEST(Paths, AFolderInPlaceOfAFileAndBack) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  expect_error(
      ErrorCode::kInvalidArgument, [&] { read_file(folder.path(), 10); }, "Is a directory");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { MappedFile::open(folder.path()); }, "Is a directory");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { write_file_atomically(folder.path(), "x"); }, "Is a directory");
  expect_error(
      ErrorCode::kNotFound, [&] { make_folders(folder / "file" / "below"); }, "Not a directory");
}

}  // namespace
}  // namespace paceline
