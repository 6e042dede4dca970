#include "model_folder/model_folder.h"

#include <cstdlib>
#include <string>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

/// Environment variables for a test, put back after it.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() {
    if (old_.empty()) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, old_.c_str(), 1);
    }
  }

 private:
  const char* name_;
  std::string old_;
};

/// A cache as the hub's client makes it: snapshots of links into blobs.
class ModelFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path repository = cache() / "models--org--tiny";
    fs::create_directories(repository / "blobs");
    fs::create_directories(repository / "refs");
    fs::create_directories(snapshot());
    const TemporaryFolder plain;
    write_tiny_checkpoint(plain.path());
    for (const char* name : {"config.json", "model.safetensors"}) {
      fs::copy_file(plain / name, repository / "blobs" / name);
      fs::create_symlink(fs::path("../../blobs") / name, snapshot() / name);
    }
    write_file_atomically(repository / "refs" / "main", "abc123\n");
  }

  fs::path cache() const { return folder_ / "hub"; }
  fs::path snapshot() const { return cache() / "models--org--tiny" / "snapshots" / "abc123"; }

  TemporaryFolder folder_;
  Variable hub_cache_{"HF_HUB_CACHE", cache().c_str()};
};

TEST_F(ModelFolderTest, AnIdIsItsSnapshot) {
  EXPECT_EQ(find_model_folder("org/tiny"), snapshot());
  EXPECT_EQ(find_model_folder("org/tiny@main"), snapshot());
  EXPECT_EQ(find_model_folder("org/tiny@abc123"), snapshot());
  EXPECT_EQ(Checkpoint::open(find_model_folder("org/tiny")).labels().size(), 3U);
}

TEST_F(ModelFolderTest, TheEnvironmentSaysWhereTheCacheIs) {
  const Variable none("HF_HUB_CACHE", nullptr);
  const Variable old("HUGGINGFACE_HUB_CACHE", nullptr);
  const Variable home("HF_HOME", folder_.path().c_str());
  EXPECT_EQ(find_model_folder("org/tiny"), snapshot());
  const Variable no_home("HF_HOME", nullptr);
  fs::create_directories(folder_ / "huggingface");
  fs::rename(cache(), folder_ / "huggingface" / "hub");
  const Variable xdg("XDG_CACHE_HOME", folder_.path().c_str());
  EXPECT_EQ(find_model_folder("org/tiny"), folder_ / "huggingface/hub/models--org--tiny/snapshots/abc123");
}

TEST_F(ModelFolderTest, AFolderOfThatNameWins) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  fs::create_directories("org/tiny");
  EXPECT_EQ(find_model_folder("org/tiny"), "org/tiny");
  fs::current_path(before);
}

TEST_F(ModelFolderTest, WhatIsMissingIsSaid) {
  const auto missing = [&](const char* id, const std::string& part) {
    expect_error(
        ErrorCode::kNotFound, [&] { find_model_folder(id); }, cache().string(), part);
  };
  missing("org/other", "run hf download org/other.");
  missing("other", "run hf download other.");
  missing("org/tiny@v2", "other revisions of it are there: abc123");
  missing("org/tiny@v2", "run hf download org/tiny --revision v2.");
}

TEST_F(ModelFolderTest, WhatIsNoIdComesBackAsItIs) {
  for (const char* path :
       {"/none/such", "./org/tiny", "../org/tiny", "a/b/c", "org/tiny@../../x", "", "org/", "~/x y"}) {
    EXPECT_EQ(find_model_folder(path), path);
  }
}

TEST_F(ModelFolderTest, ARefThatLeadsElsewhereIsRefused) {
  write_file_atomically(cache() / "models--org--tiny/refs/main", "../../../..");
  expect_error(
      ErrorCode::kCorruptData, [&] { find_model_folder("org/tiny"); }, "refs/main");
}

}  // namespace
}  // namespace paceline
