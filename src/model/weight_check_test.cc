#include "model/weight_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/testing/expect_error.h"
#include "model/encoder_model.h"
#include "model/testing/synthetic_model.h"

namespace paceline {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

/// A synthetic model in which one number of one weight is another.
class ChangedModel {
 public:
  ChangedModel(const SyntheticModel& synthetic, const Weight& weight, std::size_t element, float value)
      : inner_(synthetic.source()), name_(weight.name), values_(weight_values(inner_, weight)) {
    values_.at(element) = value;
    view_ = {.shape = weight.shape, .bytes = std::as_bytes(std::span(values_))};
  }

  WeightSource source() const {
    return [this](const Weight& weight) -> const TensorView& { return weight.name == name_ ? view_ : inner_(weight); };
  }

 private:
  WeightSource inner_;
  std::string name_;
  std::vector<float> values_;
  TensorView view_;
};

std::string where(std::size_t element, const Shape& shape) {
  if (shape.size() == 1) return shape_text({static_cast<int64_t>(element)});
  const auto width = static_cast<std::size_t>(shape[1]);
  return shape_text({static_cast<int64_t>(element / width), static_cast<int64_t>(element % width)});
}

TEST(WeightCheck, FindsTheNumbersThatAreNotFiniteInAnyPlace) {
  for (const float bad : {kNaN, -kNaN, kInfinity, -kInfinity}) {
    for (std::size_t size = 1; size < 40; ++size) {
      for (std::size_t i = 0; i < size; ++i) {
        std::vector<float> values(size, -kLargest);
        EXPECT_TRUE(stay_finite(values, NumberType::kFp32));
        values[i] = bad;
        EXPECT_FALSE(stay_finite(values, NumberType::kFp32)) << bad << " at " << i << " of " << size;
      }
    }
  }
  EXPECT_TRUE(stay_finite({}, NumberType::kFp32));
}

// The largest bf16 is 0x7f7f0000; the middle between it and 2^128 goes to the even one, which is infinity.
TEST(WeightCheck, FindsWhatBecomesInfiniteInBf16) {
  const float first = std::bit_cast<float>(uint32_t{0x7f7f8000});
  const float last = std::bit_cast<float>(uint32_t{0x7f7f7fff});
  for (const float sign : {1.0F, -1.0F}) {
    const float infinite[] = {sign * first};
    const float finite[] = {sign * last};
    EXPECT_FALSE(stay_finite(infinite, NumberType::kBf16));
    EXPECT_TRUE(stay_finite(infinite, NumberType::kFp32));
    EXPECT_TRUE(stay_finite(infinite, NumberType::kInt8));
    EXPECT_TRUE(stay_finite(finite, NumberType::kBf16));
  }
}

TEST(WeightCheck, EveryWeightOfTheNetworkIsChecked) {
  const SyntheticModel synthetic({.token_types = 2});
  for (const NumberType type : {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8}) {
    for_each_weight(synthetic.network(), [&](const Weight& weight) {
      const std::size_t last = weight_values(synthetic.source(), weight).size() - 1;
      for (const std::size_t element : {std::size_t{0}, last / 2, last}) {
        const ChangedModel changed(synthetic, weight, element, kNaN);
        expect_error(
            ErrorCode::kCorruptData,
            [&] { EncoderModel(synthetic.network(), changed.source(), {.threads = 2, .type = type}); },
            "[model] tensor " + weight.name + " holds NaN at " + where(element, weight.shape) + ",", "Save the check");
      }
    });
  }
}

TEST(WeightCheck, InfinityIsNamed) {
  const SyntheticModel synthetic;
  const Weight& weight = synthetic.network().blocks[1].ffn.down.weight;
  const ChangedModel changed(synthetic, weight, 75, -kInfinity);
  expect_error(
      ErrorCode::kCorruptData, [&] { EncoderModel(synthetic.network(), changed.source(), {}); },
      "holds -infinity at [1, 3], finite numbers were expected");
}

TEST(WeightCheck, WhatIsTooLargeForTheTypeIsRefused) {
  const SyntheticModel synthetic;
  const Weight& weight = synthetic.network().blocks[0].ffn.up.weight;
  const ChangedModel changed(synthetic, weight, 7, kLargest);
  expect_error(
      ErrorCode::kUnsupported,
      [&] { EncoderModel(synthetic.network(), changed.source(), {.type = NumberType::kBf16}); },
      weight.name + " holds 3.403e+38 at [0, 7], which is too large for bf16. Use compute type fp32.");
  EXPECT_NO_THROW(EncoderModel(synthetic.network(), changed.source(), {.type = NumberType::kFp32}));
  EXPECT_NO_THROW(EncoderModel(synthetic.network(), changed.source(), {.type = NumberType::kInt8}));
}

// The query's weights carry the softmax scale.
TEST(WeightCheck, WhatBecomesInfiniteByAFoldedScaleIsRefused) {
  const SyntheticModel synthetic;
  Network network = synthetic.network();
  network.blocks[0].attention.scale = 4;
  const SelfAttention& attention = network.blocks[0].attention;
  for (const Weight& weight : {attention.query.weight, attention.query.bias}) {
    const ChangedModel changed(synthetic, weight, 2, kLargest / 2);
    expect_error(
        ErrorCode::kUnsupported, [&] { EncoderModel(network, changed.source(), {}); },
        weight.name + " holds 1.701e+38 at", "too large for fp32");
  }
}

TEST(WeightCheck, AStoredWeightIsLookedAtBlockByBlock) {
  std::vector<float> stored(50'000, kLargest);
  const TensorView tensor{.dtype = DType::kF32, .shape = {50, 1000}, .bytes = std::as_bytes(std::span(stored))};
  const Weight weight{"layer.weight", {50, 1000}};
  EXPECT_NO_THROW(check_weight(weight, tensor, "[a/model]"));
  for (const std::size_t element : {std::size_t{0}, std::size_t{16'384}, std::size_t{49'999}}) {
    stored[element] = kNaN;
    expect_error(
        ErrorCode::kCorruptData, [&] { check_weight(weight, tensor, "[a/model]"); },
        "[a/model] tensor layer.weight holds NaN at " + where(element, weight.shape) +
            ", finite numbers were expected");
    stored[element] = kLargest;
  }
}

TEST(WeightCheck, Fp64BeyondFp32IsRefused) {
  const double stored[] = {1.0, -1e300};
  const TensorView tensor{.dtype = DType::kF64, .shape = {2}, .bytes = std::as_bytes(std::span(stored))};
  const Weight weight{"layer.bias", {2}};
  const WeightSource source = [&](const Weight&) -> const TensorView& { return tensor; };
  expect_error(
      ErrorCode::kUnsupported, [&] { finite_values(source, weight); },
      "tensor layer.bias holds -1e+300 at [1], which is too large for fp32.");
}

}  // namespace
}  // namespace paceline
