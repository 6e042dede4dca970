// Gradients of the pass beside central differences in double precision, on a tiny model of every form of layer.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>

#include "backend/torch/dropout_masks.h"
#include "backend/torch/input_tensors.h"
#include "backend/torch/network_forward.h"
#include "backend/torch/row_inputs.h"
#include "backend/torch/training_loss.h"
#include "checkpoint/testing/golden_checkpoint.h"
#include "statistics/random.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

/// Texts of these lengths with random ids, padding's among them, and types where the network reads some.
PackedBatch random_batch(const Network& network, const std::vector<int32_t>& lengths) {
  Random random(5);
  PackedBatch batch;
  for (const int32_t length : lengths) {
    for (int32_t i = 0; i < length; ++i) {
      // The second token of a text is padding's, as a file may hold it.
      const auto id = static_cast<int32_t>(random.below(static_cast<uint64_t>(network.vocab_size)));
      batch.input_ids.push_back(i == 1 ? network.pad_token_id : id);
      if (reads_token_types(network)) batch.token_type_ids.push_back(i % 2);
    }
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.input_ids.size()));
    batch.max_seqlen = std::max(batch.max_seqlen, length);
  }
  return batch;
}

enum class Layout { kRows, kPadded };

class Gradients : public testing::TestWithParam<std::string> {
 protected:
  Gradients()
      : checkpoint_(open_golden(fs::path(PACELINE_TESTDATA) / GetParam())),
        forward_(checkpoint_, at::kDouble, at::kCPU),
        rows_(forward_.network()),
        padded_(forward_.network(), at::kCPU) {
    use_threads(1);  // numbers so few that a second thread only waits
  }

  at::Tensor loss(const PackedBatch& batch, Layout layout) {
    const auto numbers =
        static_cast<std::size_t>(batch.sequences()) * static_cast<std::size_t>(forward_.network().outputs);
    ForwardInputs inputs = layout == Layout::kRows ? rows_.make(batch, numbers) : padded_.make(batch, numbers);
    DropoutMasks masks(1, 2, 3);
    if (layout == Layout::kRows) inputs.dropout = &masks;
    const at::Tensor logits = forward_(inputs);
    // Far from what the model answers, so that no gradient is small.
    const at::Tensor targets = at::arange(logits.numel(), at::kDouble).view_as(logits).sin();
    return (label_losses(ProblemType::kRegression, logits, targets) * (at::arange(batch.sequences()) + 1)).sum();
  }

  /// The derivative along a random direction of one weight, both ways.
  void expect_derivative(const std::string& name, const at::Tensor& weight, int32_t padding_row,
                         const PackedBatch& batch, Layout layout) {
    SCOPED_TRACE(name);
    const at::NoGradGuard no_grad;
    ASSERT_TRUE(weight.grad().defined());
    const at::Tensor direction = (at::arange(weight.numel(), at::kDouble) * 1.7 + 0.3).sin().view_as(weight);
    // Though the batch holds the padding id.
    if (padding_row >= 0) {
      EXPECT_TRUE(weight.grad().select(0, padding_row).eq(0).all().item<bool>());
      direction.select(0, padding_row).zero_();
    }
    const double analytic = (weight.grad() * direction).sum().item<double>();
    // The difference errs by h^2 times the third derivative and by the rounding of the loss, 2^-52, over h: both are
    // near 1e-10 of numbers about 1, and a wrong gradient is off by its own size.
    constexpr double kStep = 1e-5;
    const at::Tensor saved = weight.clone();
    weight.copy_(saved + direction * kStep);
    const double above = loss(batch, layout).item<double>();
    weight.copy_(saved - direction * kStep);
    const double below = loss(batch, layout).item<double>();
    weight.copy_(saved);
    const double size = 1 + std::abs(above) + weight.grad().norm().item<double>() * direction.norm().item<double>();
    EXPECT_NEAR((above - below) / (2 * kStep), analytic, 1e-7 * size);
  }

  void expect_derivatives(Layout layout) {
    const int32_t longest = std::min(30, forward_.network().max_tokens);
    const PackedBatch batch = random_batch(forward_.network(), {5, 1, longest, 3, longest - 2, 5});
    for (const auto& [name, weight] : forward_.weights()) weight.set_requires_grad(true);
    loss(batch, layout).backward();
    std::map<std::string, int32_t> padding_rows;
    for_each_weight(forward_.network(), [&](const Weight& weight) { padding_rows[weight.name] = weight.padding_row; });
    for (const auto& [name, weight] : forward_.weights()) {
      expect_derivative(name, weight, padding_rows.at(name), batch, layout);
    }
  }

  Checkpoint checkpoint_;
  NetworkForward forward_;
  RowInputs rows_;
  InputTensors padded_;
};

TEST_P(Gradients, OfRowsWithDropoutAreDerivatives) { expect_derivatives(Layout::kRows); }
TEST_P(Gradients, OfPaddedTextsAreDerivatives) { expect_derivatives(Layout::kPadded); }

INSTANTIATE_TEST_SUITE_P(Forms, Gradients,
                         testing::Values("models/roberta-fp32", "families/bert-mish-odd", "families/albert-groups",
                                         "families/electra-narrow", "families/distilbert-plain", "families/mpnet-plain",
                                         "families/deberta-v3-like", "families/deberta-v2-convolution",
                                         "families/modernbert-windows", "families/modernbert-mean-biases",
                                         "families/gpt2-plain", "families/xlnet-plain", "families/xlm-relu-causal",
                                         "families/flaubert-norm-before"),
                         [](const auto& test) {
                           std::string name = test.param.substr(test.param.find('/') + 1);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// ---- the parts
// --------------------------------------------------------------------------------------------------------

TEST(DropoutMasks, DropTheirShareAndKeepTheMean) {
  constexpr double kShare = 0.1;
  constexpr int64_t kNumbers = 200'001;  // no multiple of what one random number decides
  DropoutMasks masks(7, 0, 0);
  const at::Tensor y = masks.drop(at::ones({kNumbers}), kShare);
  const double dropped = y.eq(0).sum().item<double>() / kNumbers;
  // Four standard deviations of a share of so many, and the rounding to 1 / 65536.
  EXPECT_NEAR(dropped, kShare, 4 * std::sqrt(kShare * (1 - kShare) / kNumbers) + 1.0 / 65536);
  EXPECT_NEAR(y.max().item<double>(), 1 / (1 - kShare), 1e-4);
  EXPECT_EQ(masks.drop(at::ones({9}), 1).sum().item<double>(), 0);
}

TEST(DropoutMasks, AreOthersInEachCallPassUpdateAndSeedAndTheSameOnRepetition) {
  const at::Tensor x = at::ones({64});
  const auto first = [&](uint64_t seed, int64_t update, int64_t pass) {
    return DropoutMasks(seed, update, pass).drop(x, 0.5);
  };
  DropoutMasks masks(1, 0, 0);
  const at::Tensor y = masks.drop(x, 0.5);
  EXPECT_TRUE(at::equal(y, first(1, 0, 0)));
  EXPECT_FALSE(at::equal(y, masks.drop(x, 0.5)));
  EXPECT_FALSE(at::equal(y, first(2, 0, 0)));
  EXPECT_FALSE(at::equal(y, first(1, 1, 0)));
  EXPECT_FALSE(at::equal(y, first(1, 0, 1)));
}

TEST(DropoutMasks, DropTheSameOfTheGradient) {
  const at::Tensor x = at::ones({5, 13}).set_requires_grad(true);
  const at::Tensor y = DropoutMasks(3, 0, 0).drop(x.t(), 0.3);
  y.sum().backward();
  EXPECT_TRUE(at::equal(x.grad().t(), y.detach()));
}

TEST(RowLayout, PaddingAndTakingAreEachOthersWayBack) {
  const SequenceGroup group{.lengths = {3, 2, 1}, .rows = 6};
  const at::Tensor x = at::arange(12, at::kFloat).view({6, 2}).set_requires_grad(true);
  const at::Tensor padded = pad_rows(x, group);
  EXPECT_EQ(padded.sizes(), (std::vector<int64_t>{3, 3, 2}));
  EXPECT_EQ(padded[1][1][0].item<float>(), 8);
  EXPECT_EQ(padded[1][2].abs().sum().item<float>(), 0);
  EXPECT_TRUE(at::equal(take_rows(padded, group), x));
  (padded * padded).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), 2 * x.detach()));
}

}  // namespace
}  // namespace paceline
