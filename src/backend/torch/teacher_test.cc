#include <ATen/ops/equal.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/torch/autocast.h"
#include "backend/torch/network_forward.h"
#include "backend/torch/row_inputs.h"
#include "backend/torch/testing/torch_training.h"
#include "backend/torch/torch_trainer.h"
#include "base/testing/expect_error.h"
#include "checkpoint/testing/golden_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

TEST_F(TorchTraining, ATeacherIsImitated) {
  TrainingBatch texts = random_texts(network(), 8, 1);
  texts.teacher_types = texts.sequences.token_type_ids;
  TrainerOptions options{.threads = 1, .dropout = false};
  options.distillation = {.teacher = &checkpoint_, .logits_share = 1, .temperature = 3, .hidden_weight = 1};
  for (const bool padded : {false, true}) {
    options.padded = padded;
    TorchTrainer itself(checkpoint_, options);
    // A mean of squares of rounding errors, and a sum of logarithms that cancel.
    EXPECT_NEAR(itself.accumulate(texts, 1), 0, 1e-4);
  }
  Json config = tiny_config();
  config.update({{"hidden_size", 36}, {"num_hidden_layers", 5}});
  const TemporaryFolder other;
  write_tiny_checkpoint(other.path(), config);
  const Checkpoint teacher = Checkpoint::open(other.path());
  options.distillation.teacher = &teacher;
  std::vector<double> losses;
  for (const bool padded : {false, true}) {
    options.padded = padded;
    TorchTrainer student(checkpoint_, options);
    EXPECT_EQ(copy_of(student.state()).at("projection").size(), 24U * 36U);
    losses.push_back(train(student, {texts}, 1e-2));
    double last = 0;
    for (int step = 0; step < 30; ++step) last = train(student, {texts}, 1e-2);
    EXPECT_LT(last, 0.7 * losses.back());
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-4 * losses[0]);
}

TEST_F(TorchTraining, WhatDoesNotCountIsNotComputed) {
  const Checkpoint other = open_golden(fs::path(PACELINE_TESTDATA) / "models/roberta-regression");
  TrainingBatch texts = random_texts(network(), 8, 1);
  TrainerOptions options{.threads = 1, .dropout = false};
  const double alone = TorchTrainer(checkpoint_, options).accumulate(texts, 1);
  options.distillation = {.teacher = &other, .logits_share = 0};
  EXPECT_EQ(TorchTrainer(checkpoint_, options).accumulate(texts, 1), alone) << "though it has other labels";
  options.distillation.hidden_weight = 1;
  EXPECT_GT(TorchTrainer(checkpoint_, options).accumulate(texts, 1), alone);
  options.distillation = {.teacher = &checkpoint_, .logits_share = 1};
  texts.targets[0] = std::numeric_limits<float>::infinity();
  TorchTrainer student(checkpoint_, options);
  EXPECT_NEAR(student.accumulate(texts, 1), 0, 1e-4);
  EXPECT_TRUE(std::isfinite(student.update(1e-3, 1)));
}

TEST_F(TorchTraining, WeightsRoundedOnceAnswerAsUnderAutocast) {
  for (const char* folder : {"models/roberta-fp32", "families/albert-groups", "families/deberta-v2-convolution",
                             "families/modernbert-mean-biases", "families/gpt2-plain", "families/xlnet-plain"}) {
    SCOPED_TRACE(folder);
    const Checkpoint checkpoint = open_golden(fs::path(PACELINE_TESTDATA) / folder);
    const NetworkForward plain(checkpoint, at::kFloat, at::kCPU);
    NetworkForward rounded(checkpoint, at::kFloat, at::kCPU);
    rounded.round_dense_layers();
    const Weight& weight = checkpoint.network().head.back().dense.weight;
    for (const auto& [name, values] : rounded.weights()) {
      if (name == weight.name) {
        EXPECT_EQ(values.scalar_type(), at::kBFloat16);
      }
    }
    const PackedBatch texts = random_texts(checkpoint.network(), 5, 1).sequences;
    RowInputs rows(checkpoint.network());
    const c10::InferenceMode inference;
    const Autocast autocast;
    const auto logits = static_cast<std::size_t>(5 * checkpoint.network().outputs);
    EXPECT_TRUE(at::equal(rounded(rows.make(texts, logits)), plain(rows.make(texts, logits))));
  }
}

TEST_F(TorchTraining, ATeacherOfOtherLabelsIsRefused) {
  const Checkpoint teacher = open_golden(fs::path(PACELINE_TESTDATA) / "models/roberta-regression");
  TrainerOptions options;
  options.distillation.teacher = &teacher;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { TorchTrainer(checkpoint_, options); }, "The teacher is regression with");
}

}  // namespace
}  // namespace paceline
