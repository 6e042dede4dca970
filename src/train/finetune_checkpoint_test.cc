// Which checkpoints a training keeps, and what it does with those that it finds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/testing/expect_error.h"
#include "train/testing/finetune_test_case.h"
#include "train/training_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;

class FinetuneCheckpointTest : public FinetuneTest {
 protected:
  FinetuneCheckpointTest() { run(options("whole")); }

  /// After that many updates a weight is no number, or all are so large that no logit is finite.
  static FakeTrainerHooks spoilt(int64_t at, float with = std::numeric_limits<float>::quiet_NaN()) {
    return {.weights = [=](int64_t updates, const std::string&, std::vector<float>& values) {
      if (updates != at) return;
      if (std::isnan(with)) {
        values.front() = with;
      } else {
        std::ranges::fill(values, with);
      }
    }};
  }

  /// The checkpoint that is there is a good one: from it the weights of an undisturbed training are reached.
  void expect_goes_on_behind(int64_t update) {
    EXPECT_THAT(files("out"), ElementsAre("checkpoints"));
    EXPECT_TRUE(run(options()).training);
    EXPECT_THAT(notices_, Contains(HasSubstr("goes on behind update " + std::to_string(update) + " of 18")));
    EXPECT_EQ(weights("out"), weights("whole"));
    fs::remove_all(folder_ / "out");
  }

  fs::path newest() const { return TrainingCheckpoints(folder_ / "out").newest(); }

  /// In the middle of a file. Gives what it held.
  static std::string flip_a_bit(const fs::path& file) {
    const std::string good = read_file(file, std::size_t{1} << 24);
    std::string bad = good;
    bad[bad.size() / 2] ^= 1;
    write_file_atomically(file, bad);
    return good;
  }
};

TEST_F(FinetuneCheckpointTest, ALossThatIsNoNumberReplacesNone) {
  const FakeTrainerHooks broken{.loss = [](int64_t made, double loss) { return made == 8 ? std::nan("") : loss; }};
  expect_error(
      kInvalid, [&] { run(options(), broken); }, "the loss is NaN in update 9", "The checkpoint of update 6 stays in",
      "--learning-rate below 2", "--restart");
  expect_goes_on_behind(6);
  const FakeTrainerHooks at_once{.loss = [](int64_t, double) { return std::nan(""); }};
  expect_error(
      kInvalid, [&] { run(options(), at_once); }, "the loss is NaN in update 1", "There is no checkpoint yet",
      "No weight has moved, so a lower --learning-rate does not help", "too large for fp32", "paceline evaluate");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(FinetuneCheckpointTest, NeitherDoesALossOfTheEvalFile) {
  expect_error(
      kInvalid, [&] { run(options(), spoilt(12)); }, "the loss of the eval file is NaN after update 12",
      "The checkpoint of update 6 stays in");
  expect_goes_on_behind(6);
}

TEST_F(FinetuneCheckpointTest, NorWeightsThatAreNoNumbers) {
  FinetuneOptions often = options();
  often.seconds_between_checkpoints = 0;
  expect_error(
      kInvalid, [&] { run(often, spoilt(8)); }, " has values that are no numbers after update 8",
      "The checkpoint of update 7 stays in");
  expect_goes_on_behind(7);
  expect_error(
      kInvalid, [&] { run(often, spoilt(9, std::numeric_limits<float>::max())); },
      "the logits are no numbers after update 9", "The checkpoint of update 8 stays in");
  expect_goes_on_behind(8);
}

TEST_F(FinetuneCheckpointTest, NorDoesAStopBehindThem) {
  for (const float with : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::max()}) {
    EXPECT_FALSE(stop_in_update(options(), 8, spoilt(8, with)).training);
    EXPECT_THAT(notices_, Contains(HasSubstr("no numbers after update 8")));
    EXPECT_THAT(notices_.back(), HasSubstr("the same command goes on behind update 6 of 18"));
    expect_goes_on_behind(6);
  }
}

TEST_F(FinetuneCheckpointTest, AStopOfARestartSaysHowToGoOn) {
  FinetuneOptions anew = options();
  anew.restart = true;
  stop_in_update(anew, 3);
  EXPECT_THAT(notices_.back(), HasSubstr("the same command without --restart goes on behind update 3"));
  expect_goes_on_behind(3);
}

TEST_F(FinetuneCheckpointTest, AnotherEngineDoesNotGoOn) {
  stop_in_update(options(), 3);
  expect_error(
      kInvalid, [&] { run(options(), {.version = "fake 2"}); }, R"(engine was "fake 1" and is "fake 2")", "--restart");
  expect_goes_on_behind(3);
}

struct Damage {
  std::string what;  ///< a field of progress.json as a pointer, and its value; else all of the file
  std::string value;
};

TEST_F(FinetuneCheckpointTest, ADamagedProgressIsRefused) {
  stop_in_update(options(), 8);
  const fs::path file = newest() / "progress.json";
  const Json good = read_json_file(file);
  const std::vector<Damage> damages{{"", ""},
                                    {"", "[]"},
                                    {"", "null"},
                                    {"", "{}"},
                                    {"", "{\"identity\":"},
                                    {"", "\xff"},
                                    {"/identity", "[]"},
                                    {"/identity", "null"},
                                    {"/updates", "-1"},
                                    {"/updates", "1e300"},
                                    {"/updates", "9223372036854775807"},
                                    {"/updates", "19"},
                                    {"/updates", "7"},
                                    {"/updates", "\"8\""},
                                    {"/updates", "null"},
                                    {"/open_updates", "9223372036854775807"},
                                    {"/open_updates", "9"},
                                    {"/open", "null"},
                                    {"/open/loss", "null"},
                                    {"/history", "null"},
                                    {"/history", "{}"},
                                    {"/history", "[1]"},
                                    {"/history/seconds", "null"},
                                    {"/history/seconds", "-1"},
                                    {"/history/seconds", "77"},
                                    {"/history/evaluations/metric/0", "0.001"},
                                    {"/history/texts", "9223372036854775807"},
                                    {"/history/without_gain", "2147483647"},
                                    {"/history/best_update", "5"},
                                    {"/history/best_update", "0"},
                                    {"/history/losses/loss/0", "null"},
                                    {"/history/losses/loss", "[]"},
                                    {"/history/losses/update/0", "-3"},
                                    {"/history/evaluations/update/0", "9"},
                                    {"/history/evaluations/metric/0", "null"},
                                    {"/history/evaluations", "{}"}};
  for (const Damage& damage : damages) {
    Json json = good;
    if (!damage.what.empty()) json[Json::json_pointer(damage.what)] = Json::parse(damage.value);
    write_file_atomically(file, damage.what.empty() ? damage.value : json.dump());
    SCOPED_TRACE(damage.what + " " + damage.value);
    expect_error(
        ErrorCode::kCorruptData, [&] { run(options()); }, file.string(), "--restart begins the training anew");
  }
  FinetuneOptions anew = options();
  anew.restart = true;
  EXPECT_TRUE(run(anew).training);
  EXPECT_EQ(weights("out"), weights("whole"));
}

TEST_F(FinetuneCheckpointTest, ADamagedFileOfWeightsIsRefused) {
  stop_in_update(options(), 8);
  for (const char* name : {"progress.json", "weights.safetensors", "state.safetensors", "best.safetensors"}) {
    const fs::path file = newest() / name;
    const std::string good = read_file(file, std::size_t{1} << 24);
    SCOPED_TRACE(name);
    const auto expect_refused = [&] {
      expect_error(
          ErrorCode::kCorruptData, [&] { run(options()); }, name, "--restart begins the training anew");
    };
    fs::remove(file);
    expect_refused();
    for (const std::string& content : {std::string(), good.substr(0, good.size() / 2), std::string(100, '\xff')}) {
      write_file_atomically(file, content);
      expect_refused();
    }
    write_file_atomically(file, good);
  }
  expect_goes_on_behind(8);
}

TEST_F(FinetuneCheckpointTest, ASingleBitThatChangedIsRefused) {
  stop_in_update(options(), 8);
  for (const char* name : {"weights.safetensors", "state.safetensors", "best.safetensors"}) {
    const fs::path file = newest() / name;
    const std::string good = flip_a_bit(file);
    expect_error(
        ErrorCode::kCorruptData, [&] { run(options()); }, file.string() + "] its content is not what was saved",
        "The checkpoint is damaged; --restart begins the training anew");
    write_file_atomically(file, good);
  }
  const fs::path progress = newest() / "progress.json";
  const std::string saved = read_file(progress, 1 << 20);
  for (std::size_t place = 0; place < saved.size(); place += saved.size() / 40) {
    std::string bad = saved;
    bad[place] ^= 1;
    write_file_atomically(progress, bad);
    expect_error(
        ErrorCode::kCorruptData, [&] { run(options()); }, progress.string(), "--restart begins the training anew");
  }
  write_file_atomically(progress, saved);
  const fs::path hashes = newest() / "hashes.json";
  const std::string good = read_file(hashes, 1 << 20);
  for (const std::string& content : {std::string(), std::string("{}"), std::string("[]"), good.substr(0, 9)}) {
    write_file_atomically(hashes, content);
    expect_error(
        ErrorCode::kCorruptData, [&] { run(options()); }, hashes.string(), "--restart");
  }
  fs::remove(hashes);
  expect_error(
      ErrorCode::kCorruptData, [&] { run(options()); }, hashes.string(), "--restart");
  write_file_atomically(hashes, good);
  expect_goes_on_behind(8);
}

/// The best weights come from the first evaluation and are passed on from checkpoint to checkpoint.
TEST_F(FinetuneCheckpointTest, BestWeightsThatChangeMeanwhileAreNoResult) {
  FinetuneOptions still = options();
  still.recipe.learning_rate = 0;
  const FakeTrainerHooks damage{.before_update = [&](int64_t made) {
    if (made == 8) flip_a_bit(newest() / "best.safetensors");
  }};
  expect_error(
      ErrorCode::kCorruptData, [&] { run(still, damage); }, "best.safetensors] its content is not what was saved",
      "--restart");
  EXPECT_THAT(files("out"), ElementsAre("checkpoints"));
}

TEST_F(FinetuneCheckpointTest, ItsFolderIsNamedForItsUpdate) {
  killed_after([&] { stop_in_update(options(), 6); });  // before the evaluation
  EXPECT_EQ(newest().filename(), "update-00000006");
  kill_in_update(options(), 6);  // behind it
  EXPECT_EQ(newest().filename(), "update-00000006-2");
  EXPECT_THAT(names_in(folder_ / "out" / "checkpoints"), ElementsAre("update-00000006-2"));
  stop_in_update(options(), 8);
  EXPECT_EQ(newest().filename(), "update-00000008");
  EXPECT_THAT(notices_, Contains(HasSubstr("goes on behind update 6 of 18, from the checkpoint in " +
                                           (folder_ / "out" / "checkpoints" / "update-00000006-2").string())));
  const fs::path other = folder_ / "out" / "checkpoints" / "update-00000009";
  fs::rename(newest(), other);
  expect_error(
      ErrorCode::kCorruptData, [&] { run(options()); }, "it has 8 updates, its folder is named for 9", "--restart");
  fs::rename(other, folder_ / "out" / "checkpoints" / "update-00000008");
  expect_goes_on_behind(8);
}

TEST_F(FinetuneCheckpointTest, WhatIsAboutToBePlacedIsReadFromAnyFile) {
  stop_in_update(options(), 8);
  for (const char* content : {"", "[]", "3", "{\"a\": 3}", "{\"a\": [3]}", "\xff"}) {
    write_file_atomically(newest() / "result.json", content);
    EXPECT_TRUE(TrainingCheckpoints(folder_ / "out").announced().empty()) << content;
  }
  expect_goes_on_behind(8);
}

}  // namespace
}  // namespace paceline
