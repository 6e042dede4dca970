// What a training looks at before it reads a text.

#include "train/training_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "tensor/safetensors.h"
#include "train/testing/finetune_test_case.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class TrainingStartTest : public FinetuneTest {
 protected:
  static fs::path model(const std::string& name) { return fs::path(PACELINE_TESTDATA "/models") / name; }

  /// A copy of a model in which the first number of a tensor is another.
  fs::path spoilt(const std::string& name, const std::string& tensor, float value) {
    const fs::path copy = folder_ / ("spoilt" + std::to_string(++copies_));
    fs::copy(model(name), copy);
    std::string weights = read_file(copy / "model.safetensors", std::size_t{1} << 24);
    const auto tensors = parse_safetensors(std::as_bytes(std::span(weights)), "model");
    const auto found = std::ranges::find(tensors, tensor, &NamedTensor::name);
    if (found == tensors.end() || found->tensor.dtype != DType::kF32) {
      ADD_FAILURE() << name << " has no " << tensor << " of fp32";
      return copy;
    }
    const auto at = reinterpret_cast<const char*>(found->tensor.bytes.data()) - weights.data();
    std::memcpy(weights.data() + at, &value, sizeof(value));
    write_file_atomically(copy / "model.safetensors", weights);
    return copy;
  }

  void expect_not_finite(const FinetuneOptions& options, const fs::path& folder, const std::string& said) {
    expect_error(
        ErrorCode::kCorruptData, [&] { run(options); }, "[" + folder.string() + "] ", said,
        "finite numbers were expected. Save the checkpoint again");
    EXPECT_THAT(notices_, Not(Contains(HasSubstr("train.csv: 48 texts")))) << "texts were read";
    EXPECT_FALSE(fs::exists(options.out));
  }

  FinetuneOptions unread() const {
    FinetuneOptions options = FinetuneTest::options();
    options.train = folder_ / "missing.csv";
    options.eval = folder_ / "missing.csv";
    return options;
  }

  void expect_refused_unread(const FinetuneOptions& options, const std::string& said) {
    expect_error(
        kInvalid, [&] { run(options); }, said);
    EXPECT_THAT(notices_, IsEmpty());
  }

  int copies_ = 0;
};

TEST_F(TrainingStartTest, WeightsThatAreNoNumbersAreNamed) {
  FinetuneOptions kept = options();
  kept.model = spoilt("bert-fp32", "classifier.bias", kNaN);
  expect_not_finite(kept, kept.model, "] tensor classifier.bias holds NaN at [0]");
  kept.model = spoilt("bert-fp32", "bert.embeddings.word_embeddings.weight", -kInfinity);
  expect_not_finite(kept, kept.model, "] tensor bert.embeddings.word_embeddings.weight holds -infinity at [0, 0]");
}

TEST_F(TrainingStartTest, SoAreThoseOfAnEncoderByTheirNamesInTheFile) {
  const std::string name = Checkpoint::open(model("bert-encoder")).network().embeddings.words.name;
  FinetuneOptions headless = options();
  headless.model = spoilt("bert-encoder", name, kNaN);
  expect_not_finite(headless, headless.model, "] tensor " + name + " holds NaN at [0, 0]");
}

TEST_F(TrainingStartTest, AHeadThatIsReplacedDoesNotCount) {
  FinetuneOptions replaced = options();
  replaced.model = spoilt("bert-fp32", "classifier.bias", kNaN);
  const int labels = 4;  // others than the three that it has: the head is of another shape
  std::string rows = "text,label\n";
  for (int i = 0; i < 8; ++i) rows += "le " + std::to_string(i) + ",kind" + std::to_string(i % labels) + "\n";
  write_file_atomically(replaced.train, rows);
  write_file_atomically(replaced.eval, rows);
  replaced.recipe.new_head = true;
  EXPECT_TRUE(run(replaced).training);
}

TEST_F(TrainingStartTest, ATeachersWeightsAreLookedAtToo) {
  FinetuneOptions taught = options();
  taught.teacher = spoilt("bert-fp32", "classifier.bias", kNaN);
  expect_not_finite(taught, taught.teacher, "] the teacher's tensor classifier.bias holds NaN at [0]");
}

TEST_F(TrainingStartTest, WhatNeedsNoTextIsCheckedBeforeAnyIsRead) {
  FinetuneOptions given = unread();
  given.recipe.freeze = "99";
  expect_refused_unread(given,
                        "--freeze \"99\" was given, expected encoder, embeddings or a number of layers: the model "
                        "has 2.");
  given = unread();
  given.recipe.max_length = 2;
  expect_refused_unread(given,
                        "[finetune] --max-length 2 was given, expected more than the 2 special tokens of a text.");
  given.recipe.max_length = 3;
  given.rows.pair_column = "other";
  expect_refused_unread(given, "--max-length 3 was given, expected more than the 3 special tokens of a pair.");
  given = unread();
  given.recipe.max_length = 1000;
  expect_refused_unread(given, "--max-length 1000 was given, the model reads at most");
  given = unread();
  given.model = model("bert-fp32");
  given.recipe.class_weights = "purple=2";
  given.label_weights = {{"purple", 2.0F}};
  expect_refused_unread(given, "--class-weights names \"purple\"");
}

TEST_F(TrainingStartTest, ClassWeightsOfANewHeadAreCheckedBeforeTheEvalFileIsRead) {
  FinetuneOptions given = options();
  given.eval = folder_ / "missing.csv";
  given.recipe.class_weights = "purple=2";
  given.label_weights = {{"purple", 2.0F}};
  expect_refused_unread(given, "--class-weights names \"purple\"");
}

TEST_F(TrainingStartTest, TheTeachersTypeIsNotSilentlyTaken) {
  FinetuneOptions given = unread();
  given.teacher = model("bert-fp32");
  given.recipe.problem_type = "regression";
  expect_refused_unread(given,
                        "the model is a single_label_classification, --problem-type regression was given. It is "
                        "the teacher");
}

TEST_F(TrainingStartTest, StandardInputIsRefusedBeforeItIsOpened) {
  for (const bool train : {true, false}) {
    FinetuneOptions piped = options();
    piped.model = model("bert-fp32");
    (train ? piped.train : piped.eval) = "-";
    expect_refused_unread(piped,
                          "standard input (-) can be read only once, and a training reads its files several times");
  }
}

}  // namespace
}  // namespace paceline
