#include "model/stage_work.h"

#include <gtest/gtest.h>

#include <vector>

#include "model/testing/synthetic_model.h"

namespace paceline {
namespace {

constexpr NumberType kTypes[] = {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8};

const StageWork& at(const std::array<StageWork, kStages>& works, Stage stage) {
  return works[static_cast<std::size_t>(stage)];
}

TEST(StageWork, CountsAddUpToForwardFlops) {
  const std::vector<int32_t> lengths{1, 5, 17, 64, 33, 2};
  for (const int32_t blocks : {1, 2, 5}) {
    for (const int32_t labels : {0, 3}) {
      const SyntheticModel synthetic({.blocks = blocks, .labels = labels});
      double expected = 0;
      for (const int32_t tokens : lengths) expected += forward_flops(synthetic.network(), tokens);
      for (const NumberType type : kTypes) {
        double counted = 0;
        for (const StageWork& work : stage_works(synthetic.network(), type, lengths)) counted += work.counted_flops;
        EXPECT_DOUBLE_EQ(counted, expected) << blocks << " blocks, type " << static_cast<int>(type);
      }
    }
  }
}

TEST(StageWork, CountsOfEveryFormAddUpToForwardFlops) {
  const std::vector<int32_t> lengths{1, 5, 17, 64, 33, 2};
  for (const SyntheticForm form : {SyntheticForm::kAlbert, SyntheticForm::kMpnet, SyntheticForm::kModernBert,
                                   SyntheticForm::kGpt2, SyntheticForm::kDeberta, SyntheticForm::kXlnet}) {
    for (const int32_t blocks : {1, 3}) {
      const SyntheticModel synthetic({.blocks = blocks, .form = form});
      double expected = 0;
      for (const int32_t tokens : lengths) expected += forward_flops(synthetic.network(), tokens);
      for (const NumberType type : kTypes) {
        double counted = 0;
        for (const StageWork& work : stage_works(synthetic.network(), type, lengths)) counted += work.counted_flops;
        EXPECT_NEAR(counted, expected, 1e-9 * expected) << "form " << static_cast<int>(form) << ", " << blocks;
      }
    }
  }
}

TEST(StageWork, OnlyTheLastAttentionDoesOtherWorkThanIsCounted) {
  const SyntheticModel synthetic;
  const std::vector<int32_t> lengths{40, 64, 9};
  for (const NumberType type : kTypes) {
    const auto works = stage_works(synthetic.network(), type, lengths);
    for (std::size_t i = 0; i < kStages; ++i) {
      if (static_cast<Stage>(i) == Stage::kPooledAttention) continue;
      EXPECT_DOUBLE_EQ(works[i].flops(), works[i].counted_flops) << stage_name(static_cast<Stage>(i));
    }
    const StageWork& last = at(works, Stage::kPooledAttention);
    EXPECT_GT(last.flops(), 0);
    EXPECT_LT(last.flops(), last.counted_flops);
  }
}

TEST(StageWork, EachStageComputesInItsType) {
  const SyntheticModel synthetic;
  const std::vector<int32_t> lengths{40, 64, 9};
  const auto fp32 = stage_works(synthetic.network(), NumberType::kFp32, lengths);
  const auto int8 = stage_works(synthetic.network(), NumberType::kInt8, lengths);
  for (const StageWork& work : fp32) EXPECT_DOUBLE_EQ(work.flops(), work.fp32_flops);
  EXPECT_DOUBLE_EQ(at(int8, Stage::kUp).int8_flops, at(fp32, Stage::kUp).fp32_flops);
  EXPECT_DOUBLE_EQ(at(int8, Stage::kAttention).bf16_flops, at(fp32, Stage::kAttention).fp32_flops);
  EXPECT_DOUBLE_EQ(at(int8, Stage::kHead).fp32_flops, at(fp32, Stage::kHead).fp32_flops);
  EXPECT_EQ(at(fp32, Stage::kRounding).bytes, 0) << "fp32 rounds nothing";
  EXPECT_GT(at(int8, Stage::kRounding).bytes, 0);
}

// One block, three tokens in two sequences, by hand: hidden 4 = 2 heads x 2, inner 6.
TEST(StageWork, BytesAreWeightsOnceAndActivations) {
  const SyntheticModel synthetic({.hidden = 4, .heads = 2, .inner = 6, .blocks = 1});
  const std::vector<int32_t> lengths{1, 2};
  const auto fp32 = stage_works(synthetic.network(), NumberType::kFp32, lengths);
  EXPECT_DOUBLE_EQ(at(fp32, Stage::kEmbedding).bytes, 3 * 4 * 16);
  EXPECT_DOUBLE_EQ(at(fp32, Stage::kLayerNorm).bytes, (3 + 2 + 2) * 4 * 8);
  EXPECT_DOUBLE_EQ(at(fp32, Stage::kUp).bytes, 4 * (4 * 6 + 6 + 2 * 4 + 2 * 6));
  EXPECT_DOUBLE_EQ(at(fp32, Stage::kDown).bytes, 4 * (6 * 4 + 4 + 2 * 6 + 2 * 2 * 4));
  EXPECT_EQ(at(fp32, Stage::kQueryKeyValue).bytes, 0) << "the only block is the last";
  const auto bf16 = stage_works(synthetic.network(), NumberType::kBf16, lengths);
  EXPECT_DOUBLE_EQ(at(bf16, Stage::kUp).bytes, 2 * (4 * 6 + 2 * 4 + 2 * 6) + 4 * 6);
}

}  // namespace
}  // namespace paceline
