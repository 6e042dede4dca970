// What a training does with files in --out that are not its own, and with one that is under way there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/file_stamp.h"
#include "base/folder_lock.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/staging_folder.h"
#include "base/testing/expect_error.h"
#include "train/result_folder.h"
#include "train/testing/finetune_test_case.h"
#include "train/training_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;

class FinetuneOutTest : public FinetuneTest {
 protected:
  fs::path out(const std::string& name) const { return folder_ / "out" / name; }

  void write(const std::string& name, const std::string& content = "mine") const {
    make_folders(out(name).parent_path());
    write_file_atomically(out(name), content);
  }
  std::string read(const std::string& name) const { return read_file(out(name), 1 << 20); }

  FinetuneOptions restarted(uint64_t seed = 1) const {
    FinetuneOptions other = options();
    other.recipe.seed = seed;
    other.restart = true;
    return other;
  }

  void expect_refused(const FinetuneOptions& options, const std::string& name) {
    const FakeTrainerHooks unused{.before_update = [](int64_t) { FAIL() << "it trains"; }};
    expect_error(
        kInvalid, [&] { run(options, unused); }, "it has a " + name + " that no training wrote",
        "Move it away, or choose another folder");
    EXPECT_THAT(notices_, IsEmpty()) << "nothing was read";
  }
};

TEST_F(FinetuneOutTest, NoFileOfOthersIsReplaced) {
  for (const std::string& name : result_files()) {
    write(name);
    expect_refused(options(), name);
    expect_refused(restarted(), name);
    EXPECT_EQ(read(name), "mine");
    EXPECT_EQ(std::distance(fs::recursive_directory_iterator(folder_ / "out"), {}),
              name.find('/') == name.npos ? 1 : 2);
    fs::remove_all(folder_ / "out");
  }
}

TEST_F(FinetuneOutTest, NorIsWhatIsNoFile) {
  write("charts");
  expect_refused(options(), "charts");
  fs::remove(out("charts"));
  fs::create_directory(out("README.md"));
  expect_refused(options(), "README.md");
  fs::remove(out("README.md"));
  write("other");
  fs::create_symlink("other", out("report.html"));
  expect_refused(options(), "report.html");
  fs::remove(out("report.html"));
  fs::create_symlink("nowhere", out("training.json"));
  expect_refused(options(), "training.json");
}

TEST_F(FinetuneOutTest, ATrainingFileOfOthersIsRefusedWhateverItHolds) {
  const std::string deep(100'000, '[');
  for (const std::string& content :
       {std::string(), std::string("[]"), std::string("{}"), std::string("null"), std::string("\xff"), deep,
        std::string(R"({"schema_version": 1, "identity": 1, "files": {}})"),
        std::string(R"({"schema_version": 1, "identity": "", "files": {}})"),
        std::string(R"({"schema_version": 1, "identity": "a"})"),
        std::string(R"({"schema_version": 1, "identity": "a", "files": []})"),
        std::string(R"({"schema_version": 99, "identity": "a", "files": {}})"),
        std::string(R"({"schema_version": -9e99, "identity": "a", "files": {}})")}) {
    write("training.json", content);
    expect_refused(options(), "training.json");
    expect_refused(restarted(), "training.json");
    EXPECT_EQ(read("training.json"), content);
  }
}

TEST_F(FinetuneOutTest, AFileThatItsListLacksIsNotOurs) {
  run(options());
  write("vocab.txt");
  expect_refused(restarted(), "vocab.txt");
}

TEST_F(FinetuneOutTest, OfAResultOnlyWhatIsUnchangedIsReplaced) {
  run(options());
  write("README.md", "my own card");
  write("notes.txt");
  EXPECT_TRUE(run(options()).finished_before);
  expect_error(
      kInvalid, [&] { run(restarted()); }, "README.md has changed since a training wrote it");
  EXPECT_EQ(read("README.md"), "my own card");
  fs::rename(out("README.md"), out("card.md"));
  EXPECT_TRUE(run(restarted()).training);
  EXPECT_EQ(read("card.md"), "my own card");
  EXPECT_EQ(read("notes.txt"), "mine");
}

TEST_F(FinetuneOutTest, AResultIsDoneOnlyWithTheWholeModel) {
  run(options());
  for (const char* name : {"model.safetensors", "config.json", "tokenizer.json"}) {
    const std::string good = read(name);
    const auto expect_damaged = [&](const std::string& what, const std::string& way_on) {
      const FakeTrainerHooks unused{.before_update = [](int64_t) { FAIL() << "it trains"; }};
      expect_error(
          ErrorCode::kCorruptData, [&] { run(options(), unused); }, out("").parent_path().string() + "] " + name + what,
          way_on);
    };
    std::string bad = good;
    bad[bad.size() / 2] ^= 1;
    for (const std::string& content : {bad, std::string(), std::string("mine")}) {
      write(name, content);
      expect_damaged(" has changed since this training finished", "Move it away; --restart then trains anew");
      EXPECT_EQ(read(name), content);
    }
    fs::remove(out(name));
    expect_damaged(" of the finished training is missing", "--restart trains anew");
    write(name, good);
    EXPECT_TRUE(run(options()).finished_before);
  }
  fs::remove(out("report.html"));
  EXPECT_TRUE(run(options()).finished_before) << "the model is whole";
  fs::remove(out("model.safetensors"));
  EXPECT_TRUE(run(restarted()).training);
}

TEST_F(FinetuneOutTest, WhatComesMeanwhileIsNotReplacedEither) {
  const FakeTrainerHooks during{.before_update = [&](int64_t made) {
    if (made == 8) write("README.md");
  }};
  expect_error(
      kInvalid, [&] { run(options(), during); }, "a README.md that no training wrote",
      "the same command then writes the result");
  EXPECT_EQ(read("README.md"), "mine");
  fs::remove(out("README.md"));
  EXPECT_TRUE(run(options()).training);
  EXPECT_THAT(notices_, testing::Contains(HasSubstr("goes on behind update 18 of 18")));
}

TEST_F(FinetuneOutTest, FilesOfOthersAmongTheCheckpointsStay) {
  write("checkpoints/notes.txt");
  write("checkpoints/update-1/weights.safetensors");
  write("checkpoints/update-00000003/notes.txt");
  write("checkpoints/update-00000018/notes.txt");
  write("checkpoints/update-99999999");
  write("elsewhere/weights.safetensors");
  fs::create_directory_symlink("../elsewhere", out("checkpoints/update-00000700"));
  stop_in_update(options(), 3);
  write("checkpoints/update-00000003-2/more.txt");
  EXPECT_TRUE(run(options()).training);
  EXPECT_TRUE(run(restarted()).training);
  for (const char* name :
       {"checkpoints/notes.txt", "checkpoints/update-1/weights.safetensors", "checkpoints/update-00000003/notes.txt",
        "checkpoints/update-00000018/notes.txt", "checkpoints/update-99999999",
        "checkpoints/update-00000003-2/more.txt", "elsewhere/weights.safetensors"}) {
    EXPECT_EQ(read(name), "mine") << name;
  }
  EXPECT_THAT(names_in(out("checkpoints")), testing::SizeIs(7));
  EXPECT_THAT(names_in(out("checkpoints/update-00000003")), ElementsAre("notes.txt"));
  EXPECT_THAT(names_in(out("checkpoints/update-00000003-2")), ElementsAre("more.txt"));
}

TEST_F(FinetuneOutTest, RestartGivesUpACheckpointOnlyOnceItTrains) {
  stop_in_update(options(), 3);
  FinetuneOptions bad = restarted();
  bad.eval = folder_ / "bad.csv";
  write_file_atomically(bad.eval, "text,label\nle,sadness\n");
  EXPECT_THROW(run(bad), Error);
  EXPECT_TRUE(run(options()).training);
  EXPECT_THAT(notices_, testing::Contains(HasSubstr("goes on behind update 3 of 18")));
}

TEST_F(FinetuneOutTest, TwoAtATimeAreRefused) {
  int refused = 0;
  const FakeTrainerHooks second{.before_update = [&](int64_t made) {
    if (made != 3) return;
    for (const bool restart : {false, true}) {
      FinetuneOptions other = options();
      other.restart = restart;
      expect_error(
          kInvalid, [&] { run(other); }, "another paceline finetune is at work in it", "another --out");
      ++refused;
    }
  }};
  EXPECT_TRUE(run(options(), second).training);
  EXPECT_EQ(refused, 2);
  EXPECT_FALSE(fs::exists(out(FolderLock::kFileName)));
  EXPECT_FALSE(fs::exists(out("checkpoints")));
}

/// A kill between the renames of a result leaves some files of the new one, and some of the one before.
TEST_F(FinetuneOutTest, AResultThatWasHalfWrittenIsWrittenAgain) {
  run(options("whole"));
  int parts = 0;
  std::stop_source stop;
  on_progress_ = [&] {
    if (++parts == 4) stop.request_stop();  // of both files, of the updates, and of the last evaluation
  };
  EXPECT_FALSE(run(options(), {}, stop.get_token()).training);
  EXPECT_THAT(notices_, testing::Contains(HasSubstr("the same command goes on behind update 18 of 18")));
  EXPECT_THAT(files("out"), ElementsAre("checkpoints"));
  on_progress_ = {};
  FileHashes announced;
  for (const char* name : {"README.md", "config.json"}) {
    fs::copy_file(folder_ / "whole" / name, out(name));
    announced[name] = {"other", hash_file(out(name))};
  }
  TrainingCheckpoints(folder_ / "out").announce(announced);
  EXPECT_TRUE(run(options()).training);
  EXPECT_EQ(weights("out"), weights("whole"));
  EXPECT_FALSE(fs::exists(out("checkpoints")));
}

/// A kill between the last rename of a result and the end of its checkpoints.
TEST_F(FinetuneOutTest, AResultThatIsInPlaceIsDone) {
  run(options());
  fs::rename(folder_ / "out", folder_ / "whole");
  stop_in_update(options(), 18);
  const TrainingCheckpoints checkpoints(folder_ / "out");
  for (const std::string& name : result_files()) {
    if (!fs::exists(folder_ / "whole" / name)) continue;
    make_folders(out(name).parent_path());
    fs::copy_file(folder_ / "whole" / name, out(name));
  }
  checkpoints.announce({{"training.json", {hash_file(out("training.json"))}}});
  fs::rename(out("model.safetensors"), folder_ / "away");
  expect_error(
      ErrorCode::kCorruptData, [&] { run(options()); }, "model.safetensors of the finished training is missing");
  EXPECT_FALSE(checkpoints.newest().empty()) << "it may have the weights";
  fs::rename(folder_ / "away", out("model.safetensors"));
  fs::remove(checkpoints.newest() / "progress.json");
  EXPECT_TRUE(run(options()).finished_before);
  EXPECT_FALSE(fs::exists(out("checkpoints")));
}

TEST_F(FinetuneOutTest, WhatAKillLeftAmongTheCheckpointsGoes) {
  killed_after([&] {
    int parts = 0;
    std::stop_source stop;
    on_progress_ = [&] {
      if (++parts == 4) stop.request_stop();
    };
    run(options(), {}, stop.get_token());
    auto* staging = new StagingFolder(out("checkpoints"));
    write_file_atomically(staging->place("update-00000009/weights.safetensors"), "half");
  });
  EXPECT_THAT(names_in(out("checkpoints")), testing::SizeIs(2));
  EXPECT_TRUE(run(options()).training);
  EXPECT_FALSE(fs::exists(out("checkpoints")));
}

TEST_F(FinetuneOutTest, WhatAKillLeftBesideAResultGoes) {
  killed_after([&] {
    run(options());
    auto* staging = new StagingFolder(folder_ / "out");
    write_file_atomically(staging->place("result/model.safetensors"), "half");
    make_folders(out("checkpoints/update-00000018"));  // its files were removed
  });
  EXPECT_THAT(files("out"), testing::Contains(testing::StartsWith(".paceline-tmp-")));
  EXPECT_TRUE(run(options()).finished_before);
  EXPECT_THAT(files("out"), testing::Not(testing::Contains(testing::StartsWith("."))));
  EXPECT_FALSE(fs::exists(out("checkpoints")));
}

TEST_F(FinetuneOutTest, ALinkThatLeadsNowhereIsNamed) {
  fs::create_symlink("nowhere", folder_ / "link");
  for (const char* name : {"link", "link/deep"}) {
    expect_error(
        kInvalid, [&] { run(options(name)); },
        "/link: it is a link to nowhere, which does not exist. Remove the link, or", "--out");
  }
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
}

TEST_F(FinetuneOutTest, WhatIsReadIsNotWritten) {
  fs::copy(PACELINE_TESTDATA "/models/bert-encoder", folder_ / "model");
  FinetuneOptions onto = options("model");
  onto.model = folder_ / "model";
  expect_error(
      kInvalid, [&] { run(onto); }, "is the model that is read");
  onto.model = PACELINE_TESTDATA "/models/bert-encoder";
  onto.checkpoint_options.file = folder_ / "model" / "model.safetensors";
  expect_error(
      kInvalid, [&] { run(onto); }, "is the model that is read");
}

TEST_F(FinetuneOutTest, FoldersThatWereMadeInVainGo) {
  FinetuneOptions deep = options("a/b/c");
  write_file_atomically(folder_ / "eval.csv", "text,label\n");
  EXPECT_THROW(run(deep), Error);
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

TEST_F(FinetuneOutTest, AStopWhileFilesAreReadLeavesNothing) {
  for (const int part : {1, 2}) {
    int parts = 0;
    std::stop_source stop;
    on_progress_ = [&] {
      if (++parts == part) stop.request_stop();
    };
    EXPECT_FALSE(run(options(), {}, stop.get_token()).training);
    EXPECT_FALSE(fs::exists(folder_ / "out"));
  }
}

}  // namespace
}  // namespace paceline
