#include "plan/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/file_stamp.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "paceline/error.h"
#include "plan/deployment.h"

namespace paceline {
namespace {

class PlanFile : public ::testing::Test {
 public:
  PlanFile() { std::filesystem::create_directories(folder_); }
  ~PlanFile() override { std::filesystem::remove_all(folder_); }

 protected:
  /// Writes kPlan with one field changed (null removes it), reads it, and says how it was refused.
  ErrorCode refusal(const std::string& key, const Json& value) {
    write_plan(plan_, file_);
    Json json = read_json_file(file_);
    json[key] = value;
    if (value.is_null()) json.erase(key);
    write_file_atomically(file_, json.dump());
    try {
      read_plan(file_);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(file_.string()), std::string::npos) << error.what();
      return error.code();
    }
    return ErrorCode::kInternal;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("paceline_plan_test_" + std::to_string(::getpid()));
  std::filesystem::path file_ = folder_ / "plan.json";
  Plan plan_{.model_dir = "/models/camembert",
             .checkpoint_hash = "0123456789abcdef0123456789abcdef",
             .random_weights = true,
             .run = {.backend = {.name = "native", .compute_type = "fp32", .threads = 2, .cache_dir = {}},
                     .limits = {.batch_size = 64, .order = Order::kLength, .chunk = 1000}},
             .backend_version = "0.1.0",
             .cpu = "A \"quoted\" CPU",
             .objective = "throughput",
             .texts_per_second = 41.5,
             .texts_per_second_low = 41.25,
             .texts_per_second_high = 42,
             .ms_per_text = 24.1,
             .outcome = "unresolved",
             .reason = "fastest"};
};

TEST_F(PlanFile, RoundTrip) {
  write_plan(plan_, file_);
  const Plan read = read_plan(file_);
  EXPECT_EQ(read.model_dir, plan_.model_dir);
  EXPECT_EQ(read.checkpoint_hash, plan_.checkpoint_hash);
  EXPECT_TRUE(read.random_weights);
  EXPECT_EQ(read.run.backend.name, "native");
  EXPECT_EQ(read.run.backend.compute_type, "fp32");
  EXPECT_EQ(read.run.backend.threads, 2);
  EXPECT_EQ(read.run.limits.batch_size, 64);
  EXPECT_EQ(read.run.limits.max_batch_tokens, 0);
  EXPECT_EQ(read.run.limits.order, Order::kLength);
  EXPECT_EQ(read.run.limits.chunk, 1000);
  EXPECT_EQ(read.backend_version, plan_.backend_version);
  EXPECT_EQ(read.cpu, plan_.cpu);
  EXPECT_EQ(read.texts_per_second, 41.5);
  EXPECT_EQ(read.texts_per_second_low, 41.25);
  EXPECT_EQ(read.texts_per_second_high, 42.0);
  EXPECT_EQ(read.ms_per_text, 24.1);
  EXPECT_EQ(read.outcome, "unresolved");
  EXPECT_EQ(read.reason, "fastest");
}

TEST_F(PlanFile, KeepsWhereTheWeightsAre) {
  write_plan(plan_, file_);
  EXPECT_TRUE(read_plan(file_).run.checkpoint_options.file.empty());
  plan_.run.checkpoint_options = {.file = "/w/last.ckpt", .prefix = "model."};
  write_plan(plan_, file_);
  EXPECT_EQ(read_plan(file_).run.checkpoint_options.file, "/w/last.ckpt");
  EXPECT_EQ(read_plan(file_).run.checkpoint_options.prefix, "model.");
  plan_.run.checkpoint_options.file = "last.ckpt";
  write_plan(plan_, file_);
  EXPECT_EQ(read_plan(file_).run.checkpoint_options.file, folder_ / "last.ckpt");
}

TEST_F(PlanFile, NullIsRefusedWhereAPlanNeverHasIt) {
  for (const std::string key : {"labels", "long", "class_weights", "label_thresholds", "texts_per_second"}) {
    write_plan(plan_, file_);
    Json json = read_json_file(file_);
    json[key] = nullptr;
    expect_error(
        ErrorCode::kCorruptData, [&] { plan_from_json(json.dump(), file_); }, file_.string(), key,
        "is null; leave it out or give ");
  }
}

TEST_F(PlanFile, ANullThatMayBeLeftOutSaysSo) {
  write_plan(plan_, file_);
  Json json = read_json_file(file_);
  json["threshold"] = nullptr;
  expect_error(
      ErrorCode::kCorruptData, [&] { plan_from_json(json.dump(), file_); }, file_.string(),
      "\"threshold\" is null; leave it out or give a number");
}

TEST_F(PlanFile, AKeyThatNoPlanHasIsRefusedWithTheNearest) {
  write_plan(plan_, file_);
  for (const auto& [key, nearest] : std::map<std::string, std::string>{{"thresholds", "threshold"},
                                                                       {"label_threshold", "label_thresholds"},
                                                                       {"class_weight", "class_weights"},
                                                                       {"batchsize", "batch_size"},
                                                                       {"windows", "window"}}) {
    Json json = read_json_file(file_);
    json[key] = 1;
    expect_error(
        ErrorCode::kCorruptData, [&] { plan_from_json(json.dump(), file_); }, file_.string(), '"' + key + '"',
        "Did you mean \"" + nearest + "\"?");
  }
  Json json = read_json_file(file_);
  json["zzzzzzzzzzzz"] = 1;
  expect_error(
      ErrorCode::kCorruptData, [&] { plan_from_json(json.dump(), file_); }, "Remove it.");
  json.erase("zzzzzzzzzzzz");
  json["texts_per_second"]["medan"] = 1;
  expect_error(
      ErrorCode::kCorruptData, [&] { plan_from_json(json.dump(), file_); },
      "\"texts_per_second\" of a plan has no key \"medan\". Did you mean \"median\"?");
}

TEST_F(PlanFile, WhatIsSaidOfWindowsNeedsWindows) {
  write_plan(plan_, file_);
  for (const auto& [key, value] :
       std::map<std::string, Json>{{"stride", 2}, {"combine", "max"}, {"combine_over", "logits"}}) {
    Json json = read_json_file(file_);
    json[key] = value;
    expect_error(
        ErrorCode::kCorruptData, [&] { plan_from_json(json.dump(), file_); }, file_.string(), '"' + key + '"',
        "\"long\": \"window\"");
    json["long"] = "truncate";
    EXPECT_THROW(plan_from_json(json.dump(), file_), Error) << key;
    json["long"] = "window";
    EXPECT_NO_THROW(plan_from_json(json.dump(), file_)) << key;
  }
}

TEST_F(PlanFile, LabelOptionsThatNoCheckpointHasNameThePlan) {
  const std::filesystem::path model = PACELINE_TESTDATA "/models/roberta-fp32";
  const Checkpoint checkpoint = Checkpoint::open(model);
  plan_.model_dir = model;
  plan_.checkpoint_hash = checkpoint.hash(folder_);
  const std::string label = checkpoint.labels().front();
  const std::vector<std::pair<LabelOptions, std::string>> wrong{
      {{.threshold = {}, .label_thresholds = {{label, 1.5F}}, .class_weights = {}}, "a threshold is 1.5"},
      {{.threshold = {}, .label_thresholds = {{"none", 0.5F}}, .class_weights = {}}, "no label \"none\""},
      {{.threshold = {}, .label_thresholds = {}, .class_weights = {{label, 0}}}, "a class weight is 0"},
      {{.threshold = {}, .label_thresholds = {}, .class_weights = {{label, INFINITY}}}, "a class weight is inf"}};
  for (const auto& [options, what] : wrong) {
    Deployment deployment{.model_dir = model, .run = {}, .plan = plan_, .plan_file = file_, .labels = {}};
    deployment.plan->label_options = options;
    deployment.run.backend.cache_dir = folder_;
    expect_error(
        ErrorCode::kCorruptData, [&] { check_deployment(deployment); }, '[' + file_.string() + ']', what);
  }
}

TEST_F(PlanFile, AComputeTypeThatTheBackendLacksIsOfThePlanOrOfTheFlag) {
  const std::filesystem::path model = PACELINE_TESTDATA "/models/roberta-fp32";
  plan_.model_dir = model;
  plan_.run.backend.name = "onnxruntime";
  plan_.run.backend.compute_type = "bf16";
  Deployment deployment{.model_dir = model, .run = plan_.run, .plan = plan_, .plan_file = file_, .labels = {}};
  expect_error(
      ErrorCode::kCorruptData, [&] { check_deployment(deployment); }, '[' + file_.string() + ", backend onnxruntime]",
      "bf16", "fp32");
  change_run(deployment.run, {.compute_type = "fp16"});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { check_deployment(deployment); }, "[backend onnxruntime]", "fp16", "fp32");
}

TEST_F(PlanFile, ARelativeModelDirIsTakenFromThePlansFolder) {
  plan_.model_dir = "model";
  write_plan(plan_, file_);
  EXPECT_EQ(read_plan(file_).model_dir, folder_ / "model");
}

TEST_F(PlanFile, KeepsInstancesAndTheUsersFileWithItsHash) {
  write_plan(plan_, file_);
  EXPECT_EQ(read_plan(file_).run.instances, 1);
  EXPECT_TRUE(read_plan(file_).run.backend.file.empty());
  plan_.run.instances = 3;
  write_file_atomically(folder_ / "mine.onnx", "a graph");
  plan_.file_hash = hash_file(folder_ / "mine.onnx");
  plan_.run.backend.file = "mine.onnx";
  write_plan(plan_, file_);
  const Plan read = read_plan(file_);
  EXPECT_EQ(read.run.instances, 3);
  EXPECT_EQ(read.run.backend.file, folder_ / "mine.onnx") << "taken from the plan's folder";
  EXPECT_EQ(read.file_hash, plan_.file_hash);
  EXPECT_EQ(refusal("file_hash", nullptr), ErrorCode::kCorruptData) << "a file of unknown content";
}

TEST_F(PlanFile, RefusesAnotherFileThanItWasMeasuredWith) {
  plan_.run.backend.file = folder_ / "mine.onnx";
  expect_error(
      ErrorCode::kNotFound, [&] { check_plan_file(plan_); }, "mine.onnx");
  write_file_atomically(folder_ / "mine.onnx", "a graph");
  plan_.file_hash = hash_user_file(plan_.run.backend);
  check_plan_file(plan_);
  write_file_atomically(folder_ / "mine.onnx", "b graph");
  expect_error(
      ErrorCode::kCorruptData, [&] { check_plan_file(plan_); }, "mine.onnx", plan_.file_hash,
      hash_user_file(plan_.run.backend));
  plan_.run.backend.file.clear();
  check_plan_file(plan_);
}

/// A field of protobuf's that holds bytes.
std::string field(int number, const std::string& content) {
  return static_cast<char>(number << 3 | 2) + std::string(1, static_cast<char>(content.size())) + content;
}

TEST_F(PlanFile, RefusesOtherWeightsBesideTheUsersOnnxFile) {
  const std::string location = field(13, field(1, "location") + field(2, "weights.bin"));
  write_file_atomically(folder_ / "mine.onnx", field(7, field(5, location + "\x70\x01")));
  plan_.run.backend.name = "onnxruntime";
  plan_.run.backend.file = folder_ / "mine.onnx";
  expect_error(
      ErrorCode::kNotFound, [&] { hash_user_file(plan_.run.backend); }, "weights.bin");
  write_file_atomically(folder_ / "weights.bin", "1234");
  plan_.file_hash = hash_user_file(plan_.run.backend);
  check_plan_file(plan_);
  write_file_atomically(folder_ / "weights.bin", "1235");
  expect_error(
      ErrorCode::kCorruptData, [&] { check_plan_file(plan_); }, "mine.onnx", plan_.file_hash);
  std::filesystem::remove(folder_ / "weights.bin");
  expect_error(
      ErrorCode::kNotFound, [&] { check_plan_file(plan_); }, "weights.bin");
}

TEST_F(PlanFile, RefusesAnotherTorchScriptFile) {
  plan_.run.backend.name = "torchscript";
  plan_.run.backend.file = folder_ / "mine.pt";
  write_file_atomically(folder_ / "mine.pt", "PK a program");
  plan_.file_hash = hash_user_file(plan_.run.backend);
  check_plan_file(plan_);
  write_file_atomically(folder_ / "mine.pt", "PK another one");
  expect_error(
      ErrorCode::kCorruptData, [&] { check_plan_file(plan_); }, "mine.pt", plan_.file_hash);
}

TEST_F(PlanFile, KeepsNamesThatAreNotUtf8) {
  plan_.model_dir = "/models/caf\xE9";
  plan_.run.checkpoint_options.file = folder_ / "la\xFFst.ckpt";
  plan_.run.backend.file = folder_ / "m\xC3.onnx";
  write_plan(plan_, file_);
  const Plan read = read_plan(file_);
  EXPECT_EQ(read.model_dir, plan_.model_dir);
  EXPECT_EQ(read.run.checkpoint_options.file, plan_.run.checkpoint_options.file);
  EXPECT_EQ(read.run.backend.file, plan_.run.backend.file);
}

TEST_F(PlanFile, ReadsPlansFromBeforeThereWereInstances) {
  write_plan(plan_, file_);
  Json json = read_json_file(file_);
  json.erase("instances");
  write_file_atomically(file_, json.dump());
  EXPECT_EQ(read_plan(file_).run.instances, 1);
}

TEST_F(PlanFile, RefusesWhatItCannotObey) {
  EXPECT_EQ(refusal("schema_version", Plan::kSchemaVersion + 1), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal("schema_version", "one"), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("schema_version", nullptr), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("model_dir", nullptr), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("backend", 7), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("threads", -1), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("instances", 0), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("instances", 1025), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("file", 7), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("batch_size", 0), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("batch_size", 1e12), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("order", "longest"), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("texts_per_second", 5), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("random_weights", "yes"), ErrorCode::kCorruptData);
}

TEST_F(PlanFile, RefusesWhatIsNoPlan) {
  for (const char* content : {"", "[]", "{", "null", "\"plan\""}) {
    write_file_atomically(file_, content);
    EXPECT_THROW(read_plan(file_), Error) << content;
  }
  EXPECT_THROW(read_plan(folder_ / "missing.json"), Error);
}

TEST_F(PlanFile, KeepsWhatAnswersMean) {
  plan_.labels = {"ham", "spam"};
  plan_.problem_type = "multi_label_classification";
  plan_.label_options = {.threshold = 0.5F, .label_thresholds = {{"spam", 0.75F}}, .class_weights = {{"ham", 2.0F}}};
  plan_.run.long_texts = {.mode = LongTextOptions::Mode::kWindow,
                          .stride = 16,
                          .combine = LongTextOptions::Combine::kMax,
                          .over_logits = true};
  write_plan(plan_, file_);
  const Plan read = read_plan(file_);
  EXPECT_EQ(read.labels, plan_.labels);
  EXPECT_EQ(read.problem_type, plan_.problem_type);
  EXPECT_EQ(read.label_options.threshold, 0.5F);
  EXPECT_EQ(read.label_options.label_thresholds, plan_.label_options.label_thresholds);
  EXPECT_EQ(read.label_options.class_weights, plan_.label_options.class_weights);
  ASSERT_TRUE(read.run.long_texts.has_value());
  EXPECT_EQ(read.run.long_texts->mode, LongTextOptions::Mode::kWindow);
  EXPECT_EQ(read.run.long_texts->stride, 16);
  EXPECT_EQ(read.run.long_texts->combine, LongTextOptions::Combine::kMax);
  EXPECT_TRUE(read.run.long_texts->over_logits);
}

TEST_F(PlanFile, RefusesAnswersItCannotGive) {
  EXPECT_EQ(refusal("labels", 7), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("labels", {1, 2}), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("threshold", 2), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("class_weights", {{"ham", "much"}}), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("label_thresholds", 1), ErrorCode::kCorruptData);
  EXPECT_EQ(refusal("long", "windows"), ErrorCode::kCorruptData);
}

TEST_F(PlanFile, RefusesACheckpointOfOtherLabelsOrAnotherType) {
  const Checkpoint checkpoint = Checkpoint::open(PACELINE_TESTDATA "/models/roberta-fp32");
  plan_.checkpoint_hash = checkpoint.hash(folder_);
  plan_.labels = checkpoint.labels();
  plan_.problem_type = "single_label_classification";
  check_plan_checkpoint(plan_, checkpoint, folder_);
  plan_.problem_type = "regression";
  expect_error(
      ErrorCode::kCorruptData, [&] { check_plan_checkpoint(plan_, checkpoint, folder_); }, "regression");
  plan_.labels.front() = "none";
  expect_error(
      ErrorCode::kCorruptData, [&] { check_plan_checkpoint(plan_, checkpoint, folder_); }, "none, middle");
}

TEST(ChunkTexts, AreFewerWhereTheModelHasManyLabels) {
  EXPECT_EQ(chunk_texts(0, 3), static_cast<std::size_t>(kChunkTexts));
  EXPECT_EQ(chunk_texts(7, 3), 7U);
  EXPECT_EQ(chunk_texts(0, 1677), static_cast<std::size_t>(kChunkTexts));
  EXPECT_EQ(chunk_texts(0, 20'000), 838U) << "16 million logits";
  EXPECT_EQ(chunk_texts(7, 100'000), 7U);
  EXPECT_EQ(chunk_texts(7, 1 << 30), 1U);
}

}  // namespace
}  // namespace paceline
