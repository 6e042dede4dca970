#include "train/finetune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "tensor/safetensors.h"
#include "train/testing/fake_trainer.h"
#include "train/testing/finetune_test_case.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;

TEST_F(FinetuneTest, LearnsAndWritesAFolder) {
  const FinetuneResult result = run(options());
  ASSERT_TRUE(result.training);
  const Training& is = *result.training;
  EXPECT_EQ(is.updates, 18);
  EXPECT_THAT(is.labels, ElementsAre("anger", "fear", "joy"));
  EXPECT_TRUE(is.new_head);
  EXPECT_THAT(is.history.losses, SizeIs(18));
  EXPECT_THAT(is.history.evaluations, SizeIs(3));
  EXPECT_LT(is.history.losses.back().loss, 0.7 * is.history.losses.front().loss);
  EXPECT_EQ(is.history.evaluations.back().metric, 1);
  EXPECT_EQ(is.history.texts, 3 * 48);
  EXPECT_EQ(is.evaluation.data.texts, 15);
  const Checkpoint trained = Checkpoint::open(folder_ / "out");
  EXPECT_EQ(trained.labels(), is.labels);
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md",
                           "training.json", "report.html", "charts"}) {
    EXPECT_THAT(files("out"), Contains(name));
  }
  EXPECT_FALSE(fs::exists(folder_ / "out" / "checkpoints"));
  const std::string card = read_file(folder_ / "out" / "README.md", 1 << 20);
  EXPECT_THAT(card, HasSubstr("pipeline_tag: text-classification"));
  EXPECT_THAT(card, HasSubstr("| accuracy | "));
  const Json json = read_json_file(folder_ / "out" / "training.json");
  EXPECT_EQ(json["history"]["losses"]["loss"].size(), 18u);
  EXPECT_EQ(json["train"]["label_texts"]["joy"], 16);
}

TEST_F(FinetuneTest, AStopLeavesACheckpointFromWhichTheSameBitsAreReached) {
  run(options("whole"));
  for (const int64_t at : {1, 6, 10}) {
    const std::string out = "stopped" + std::to_string(at);
    std::stop_source stop;
    const FinetuneResult stopped = run(options(out),
                                       {.before_update =
                                            [&](int64_t made) {
                                              if (made == at) stop.request_stop();
                                            }},
                                       stop.get_token());
    EXPECT_FALSE(stopped.training);
    EXPECT_THAT(files(out), ElementsAre("checkpoints"));
    const FinetuneResult result = run(options(out));
    ASSERT_TRUE(result.training);
    EXPECT_THAT(notices_, Contains(HasSubstr("goes on behind update " + std::to_string(at + 1) + " of 18")));
    EXPECT_EQ(weights(out), weights("whole")) << at;
    EXPECT_EQ(result.training->history.losses.size(), 18u);
  }
}

TEST_F(FinetuneTest, SoDoesTheEndOfTheProcess) {
  FinetuneOptions whole = options("whole");
  whole.recipe.eval_every = 4;
  run(whole);
  FinetuneOptions killed = whole;
  killed.out = folder_ / "killed";
  killed.seconds_between_checkpoints = 0;  // one behind each update
  for (const int64_t update : {2, 4, 9}) kill_in_update(killed, update);
  const FinetuneResult result = run(killed);
  EXPECT_THAT(notices_, Contains(HasSubstr("goes on behind update 9 of 18")));
  EXPECT_EQ(weights("killed"), weights("whole"));
  EXPECT_THAT(result.training->history.evaluations, SizeIs(5));
  EXPECT_THAT(files("killed"), testing::Not(Contains(testing::StartsWith(".paceline-tmp"))));
}

TEST_F(FinetuneTest, KeepsTheWeightsOfTheBestEvaluation) {
  // Learns from the labels for two epochs, then from what is none of them.
  FinetuneOptions spoilt = options("spoilt");
  spoilt.recipe.steps = 24;
  spoilt.recipe.learning_rate = 0.5;
  spoilt.recipe.warmup = 0;
  spoilt.recipe.metric = "loss";
  const auto engine = TrainingEngine{
      .check = [] { return std::string("fake 1"); },
      .create =
          [](const Checkpoint& checkpoint, const TrainerOptions& how) {
            return create_fake_trainer(checkpoint, how, {.targets = [](int64_t made, std::vector<float>& targets) {
                                         if (made < 12) return;
                                         for (float& target : targets) target = (1 - target) / 2;
                                       }});
          }};
  const FinetuneResult result = finetune(
      spoilt, engine,
      {.notice = [](const std::string&) {}, .progress = [](const char*) { return make_silent_progress(); }}, {});
  EXPECT_EQ(result.training->history.best_update, 12);
  EXPECT_EQ(result.training->updates, 24);
  FinetuneOptions short_one = options("short");
  short_one.recipe = spoilt.recipe;
  std::stop_source stop;
  run(short_one,
      {.before_update =
           [&](int64_t made) {
             if (made == 11) stop.request_stop();
           }},
      stop.get_token());
  const auto then = read_file(folder_ / "short" / "checkpoints" / "update-00000012" / "weights.safetensors", 1 << 24);
  const MappedFile kept = MappedFile::open(folder_ / "spoilt" / "model.safetensors");
  for (const NamedTensor& one : parse_safetensors(std::as_bytes(std::span(then)), "then")) {
    for (const NamedTensor& other : parse_safetensors(kept)) {
      if (one.name != other.name) continue;
      EXPECT_TRUE(std::ranges::equal(one.tensor.bytes, other.tensor.bytes)) << one.name;
    }
  }
}

TEST_F(FinetuneTest, PatienceEndsIt) {
  FinetuneOptions patient = options();
  patient.recipe.epochs = 20;
  patient.recipe.patience = 2;
  const Training is = *run(patient).training;
  EXPECT_EQ(is.end, TrainingEnd::kPatience);
  EXPECT_LT(is.updates, is.planned_updates);
  EXPECT_EQ(is.history.evaluations.back().update - is.history.best_update, 2 * 6);
}

TEST_F(FinetuneTest, OtherSettingsAreRefusedAndRestartBeginsAnew) {
  std::stop_source stop;
  run(options(), {.before_update = [&](int64_t) { stop.request_stop(); }}, stop.get_token());
  FinetuneOptions other = options();
  other.recipe.learning_rate = 1;
  expect_error(
      kInvalid, [&] { run(other); }, "a training with other settings is under way here",
      "learning_rate was 2.0 and is 1.0", "--restart");
  other.restart = true;
  EXPECT_TRUE(run(other).training);
  EXPECT_TRUE(run(options("out2")).training);
  EXPECT_NE(weights("out"), weights("out2"));
}

TEST_F(FinetuneTest, TheSameCommandOnAResultIsDone) {
  run(options());
  EXPECT_TRUE(run(options()).finished_before);
  FinetuneOptions other = options();
  other.recipe.seed = 1;
  expect_error(
      kInvalid, [&] { run(other); }, "the result of a training with other settings", "--restart");
  other.restart = true;
  EXPECT_TRUE(run(other).training);
}

TEST_F(FinetuneTest, ADiskThatIsFullKeepsTheCheckpointBefore) {
  FinetuneOptions full = options();
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    int saved = 0;
    try {
      run(full, {.before_update = [&](int64_t made) {
            const rlimit limit{4096, RLIM_INFINITY};
            if (made == 7) saved = ::setrlimit(RLIMIT_FSIZE, &limit);
          }});
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::kResourceExhausted && saved == 0 ? 7 : 1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  run(options());
  EXPECT_THAT(notices_, Contains(HasSubstr("goes on behind update 6 of 18")));
  run(options("whole"));
  EXPECT_EQ(weights("out"), weights("whole"));
}

TEST_F(FinetuneTest, AModelWithAHeadKeepsIt) {
  write_file_atomically(folder_ / "train.csv", "text,label\nle,0\non,2\n");
  write_file_atomically(folder_ / "eval.csv", "text,label\nle,1\n");
  FinetuneOptions kept = options();
  kept.model = PACELINE_TESTDATA "/models/bert-fp32";
  const Training is = *run(kept).training;
  EXPECT_FALSE(is.new_head);
  EXPECT_EQ(is.labels, Checkpoint::open(kept.model).labels());
  EXPECT_THAT(notices_, Contains(HasSubstr("labels by their numbers")));
  write_file_atomically(folder_ / "train.csv", "text,label\nle,joy\non,anger\n");
  write_file_atomically(folder_ / "eval.csv", "text,label\nle,joy\n");
  kept.out = folder_ / "other";
  expect_error(
      ErrorCode::kCorruptData, [&] { run(kept); }, "eval.csv: row 1", "no label \"joy\"", "--new-head");
  EXPECT_FALSE(fs::exists(folder_ / "other"));
  kept.recipe.new_head = true;
  EXPECT_THAT(run(kept).training->labels, ElementsAre("anger", "joy"));
}

TEST_F(FinetuneTest, PassesOfAnUpdateCountAsOneBatch) {
  FinetuneOptions at_once = options("once");
  at_once.recipe.batch_size = 16;
  at_once.recipe.class_weights = "balanced";
  FinetuneOptions in_passes = at_once;
  in_passes.out = folder_ / "passes";
  in_passes.recipe.batch_size = 4;
  in_passes.recipe.accumulate = 4;
  const Training once = *run(at_once).training;
  const Training passes = *run(in_passes).training;
  ASSERT_EQ(once.updates, passes.updates);
  // The order of an epoch does not depend on the batch size: both see the same texts in each update, and differ by the
  // rounding of sums of 16 terms.
  for (std::size_t i = 0; i < once.history.losses.size(); ++i) {
    EXPECT_NEAR(once.history.losses[i].loss, passes.history.losses[i].loss, 1e-4) << i;
  }
}

TEST_F(FinetuneTest, SeveralLabelsAndValues) {
  write_file_atomically(folder_ / "train.csv", "text,label\nle,a|b\non,b\nte,\nle re,a|b\non on,b\n");
  write_file_atomically(folder_ / "eval.csv", "text,label\nle,a|b\non,b\n");
  const Training several = *run(options("several")).training;
  EXPECT_EQ(several.problem_type, "multi_label_classification");
  EXPECT_EQ(several.metric, "micro-f1");
  write_file_atomically(folder_ / "train.csv", "text,label\nle,0.5\non,1\nte,0\nle re,0.25\non on,1\n");
  write_file_atomically(folder_ / "eval.csv", "text,label\nle,0.5\non,1\nte,0\nle re,0.25\non on,1\n");
  FinetuneOptions values = options("values");
  values.recipe.metric = "mse";
  const Training regression = *run(values).training;
  EXPECT_EQ(regression.problem_type, "regression");
  EXPECT_EQ(regression.overlap, 5);
  EXPECT_THAT(notices_, Contains(HasSubstr("5 of the texts of train.csv (100.0 %) stand in eval.csv, too")));
  expect_error(
      kInvalid,
      [&] {
        values.out = folder_ / "accuracy";
        values.recipe.metric = "accuracy";
        run(values);
      },
      "--metric \"accuracy\" is none of a regression", "mse");
}

TEST_F(FinetuneTest, ATeacherHasToHaveTheSameLabelsAndTokens) {
  FinetuneOptions taught = options();
  taught.teacher = PACELINE_TESTDATA "/models/bert-encoder";
  expect_error(
      kInvalid, [&] { run(taught); }, "the teacher is an encoder without labels");
  taught.model = PACELINE_TESTDATA "/models/roberta-fp32";
  taught.teacher = PACELINE_TESTDATA "/models/camembert-multi-label";
  expect_error(
      kInvalid, [&] { run(taught); }, "the teacher has the labels", "expected the same in the same order");
}

TEST_F(FinetuneTest, WithoutAnEngineNothingIsDone) {
  const TrainingEngine none{
      .check = []() -> std::string { throw Error(ErrorCode::kUnavailable, "[torch] it is not installed."); },
      .create = {}};
  FinetuneOptions missing = options();
  missing.model = folder_ / "nowhere";
  expect_error(
      ErrorCode::kUnavailable, [&] { finetune(missing, none, {}, {}); }, "it is not installed");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(FinetuneTest, BadInputIsRefusedWithoutLeavingAnything) {
  FinetuneOptions bad = options();
  bad.recipe.max_length = 1000;
  expect_error(
      kInvalid, [&] { run(bad); }, "--max-length 1000", "at most");
  write_file_atomically(folder_ / "eval.csv", "text,label\n");
  expect_error(
      ErrorCode::kCorruptData, [&] { run(options()); }, "eval.csv", "no text with a label");
  write_file_atomically(folder_ / "eval.csv", "text,label\nle,sadness\n");
  expect_error(
      ErrorCode::kCorruptData, [&] { run(options()); }, "eval.csv: row 1", "no label \"sadness\"",
      "The labels are those of", "train.csv");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

}  // namespace
}  // namespace paceline
