#include "bench/gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "paceline/error.h"

namespace paceline {
namespace {

GateOptions three_labels(const std::string& compute_type = "fp32") {
  return {.oracle = "native fp32", .compute_type = compute_type, .outputs = 3};
}

TEST(GateTexts, AreSpreadOverTheLengthsWithBothEnds) {
  std::vector<int32_t> lengths(1000);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = static_cast<int32_t>((i * 7) % 1000) + 1;
  const std::vector<uint32_t> texts = gate_texts(lengths, 100);
  ASSERT_EQ(texts.size(), 100U);
  EXPECT_EQ(lengths[texts.front()], 1);
  EXPECT_EQ(lengths[texts.back()], 1000);
  EXPECT_EQ(std::set<uint32_t>(texts.begin(), texts.end()).size(), 100U);
  for (std::size_t i = 1; i < texts.size(); ++i) {
    EXPECT_NEAR(lengths[texts[i]] - lengths[texts[i - 1]], 10, 1.01);  // 999 lengths in 99 steps
  }
}

TEST(GateTexts, FewTextsAreAllTaken) {
  EXPECT_EQ(gate_texts(std::vector<int32_t>{5, 3, 4}), (std::vector<uint32_t>{1, 2, 0}));
  EXPECT_EQ(gate_texts(std::vector<int32_t>{5}), (std::vector<uint32_t>{0}));
}

TEST(GateTexts, TheReferenceGetsTheEightShortestAndTheLongest) {
  EXPECT_EQ(reference_positions(256), (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 255}));
  EXPECT_EQ(reference_positions(3), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(reference_positions(9).size(), 9U);
}

TEST(GateTexts, BatchesKeepTheOrderAndTheTokenBudget) {
  std::vector<int32_t> lengths(300);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = static_cast<int32_t>(i % 60) + 1;
  const std::vector<uint32_t> texts = gate_texts(lengths);
  std::vector<uint32_t> seen;
  for (const std::vector<uint32_t>& batch : gate_batches(texts, lengths, 500)) {
    int32_t longest = 0;
    for (uint32_t text : batch) longest = std::max(longest, lengths[text]);
    EXPECT_LE(static_cast<int32_t>(batch.size()) * longest, 500);
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(seen, texts);
}

TEST(Gate, EqualAnswersAreAccepted) {
  const std::vector<float> logits{1, 2, 3, -4, 5, 0};
  const GateResult result = compare_logits(logits, logits, three_labels());
  EXPECT_TRUE(result.accepted);
  EXPECT_EQ(result.texts, 2);
  EXPECT_EQ(result.max_abs_logit_diff, 0);
  EXPECT_EQ(result.agreement, 1);
  EXPECT_NE(result.verdict.find("native fp32"), std::string::npos);
}

TEST(Gate, Fp32IsJudgedRelativeToTheLargestLogit) {
  const std::vector<float> expected{1, 2, 8, 4, 0, -8};
  std::vector<float> close = expected;
  close[0] += 7e-4F;  // 0.9e-4 of 8
  EXPECT_TRUE(compare_logits(expected, close, three_labels()).accepted);
  close[0] = 1 + 9e-4F;  // 1.1e-4 of 8
  const GateResult rejected = compare_logits(expected, close, three_labels());
  EXPECT_FALSE(rejected.accepted);
  EXPECT_NEAR(rejected.max_abs_logit_diff, 9e-4, 1e-6);
  EXPECT_NEAR(rejected.mean_abs_logit_diff, 1.5e-4, 1e-6);
  EXPECT_NEAR(rejected.max_relative_diff, 1.125e-4, 1e-6);
  EXPECT_EQ(rejected.agreement, 1);
}

TEST(Gate, OtherTypesAreJudgedByTheirLabels) {
  std::vector<float> expected;
  for (int i = 0; i < 200; ++i) expected.insert(expected.end(), {0.0F, 1.0F, 3.0F});
  std::vector<float> logits = expected;
  for (float& logit : logits) logit *= 1.05F;  // far outside fp32's tolerance
  EXPECT_TRUE(compare_logits(expected, logits, three_labels("bf16")).accepted);
  logits[0] = 9;
  EXPECT_TRUE(compare_logits(expected, logits, three_labels("bf16")).accepted);  // 199 of 200 = 0.995
  logits[3] = 9;
  const GateResult two_wrong = compare_logits(expected, logits, three_labels("int8"));
  EXPECT_FALSE(two_wrong.accepted);
  EXPECT_DOUBLE_EQ(two_wrong.agreement, 0.99);
}

TEST(Gate, TiesAreNotCounted) {
  const std::vector<float> expected{1.0F, 1.0005F, 0, 1, 2, 3};
  const std::vector<float> logits{1.0006F, 1.0F, 0, 1, 2, 3};
  EXPECT_EQ(compare_logits(expected, logits, three_labels("bf16")).agreement, 1);
  const std::vector<float> apart{1.0F, 1.002F, 0, 1, 2, 3};
  EXPECT_EQ(compare_logits(apart, logits, three_labels("bf16")).agreement, 0.5);
}

TEST(Gate, MultiLabelComparesEverySign) {
  GateOptions options = three_labels("bf16");
  options.problem_type = ProblemType::kMultiLabelClassification;
  const std::vector<float> expected{1, -1, 2, 1, -1, 2};
  EXPECT_EQ(compare_logits(expected, std::vector<float>{5, -1, 1, 1, -1, 2}, options).agreement, 1);
  EXPECT_EQ(compare_logits(expected, std::vector<float>{1, 1, 2, 1, -1, 2}, options).agreement, 0.5);
}

TEST(Gate, WhatIsNotANumberIsRefused) {
  const std::vector<float> expected{1, 2, 3};
  for (float bad : {NAN, INFINITY}) {
    const GateResult result = compare_logits(expected, std::vector<float>{1, bad, 3}, three_labels());
    EXPECT_FALSE(result.accepted);
    EXPECT_EQ(result.agreement, 0);
    EXPECT_NE(result.verdict.find("not numbers"), std::string::npos);
  }
  EXPECT_FALSE(compare_logits(std::vector<float>{NAN, 1, 2}, expected, three_labels("bf16")).accepted);
}

TEST(Gate, ZeroLogitsAreNoDivisionByZero) {
  const std::vector<float> zeros(3, 0);
  EXPECT_TRUE(compare_logits(zeros, zeros, three_labels()).accepted);
  EXPECT_FALSE(compare_logits(zeros, std::vector<float>{0, 1e-6F, 0}, three_labels()).accepted);
}

TEST(Gate, RowsThatDoNotMatchAreOurOwnMistake) {
  EXPECT_THROW(compare_logits(std::vector<float>{1, 2, 3}, std::vector<float>{1, 2}, three_labels()), Error);
}

}  // namespace
}  // namespace paceline
