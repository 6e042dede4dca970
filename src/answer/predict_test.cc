#include <gtest/gtest.h>

#include <cmath>

#include "answer/predict.h"
#include "answer/windows.h"
#include "paceline/error.h"

namespace paceline {
namespace {

TEST(Predict, SoftmaxIsSortedAndKnown) {
  // softmax(ln 1, ln 3, ln 6) = 0.1, 0.3, 0.6; a float's rounding of input and output stays under 2^-22.
  const std::vector<float> logits{0.0F, std::log(3.0F), std::log(6.0F)};
  const std::vector<Prediction> best = predict(logits, ProblemType::kSingleLabelClassification, 0);
  ASSERT_EQ(best.size(), 3U);
  EXPECT_EQ(best[0].label, 2);
  EXPECT_EQ(best[1].label, 1);
  EXPECT_EQ(best[2].label, 0);
  EXPECT_NEAR(best[0].score, 0.6, 0x1p-22);
  EXPECT_NEAR(best[1].score, 0.3, 0x1p-22);
  EXPECT_NEAR(best[2].score, 0.1, 0x1p-22);
}

TEST(Predict, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits{1e30F, -1e30F, 9e29F};
  const std::vector<Prediction> best = predict(logits, ProblemType::kSingleLabelClassification, 2);
  ASSERT_EQ(best.size(), 2U);
  EXPECT_EQ(best[0].label, 0);
  EXPECT_EQ(best[0].score, 1.0F);
  EXPECT_EQ(best[1].label, 2) << "ordered by logit where the scores round to the same";
  EXPECT_EQ(best[1].score, 0.0F);
}

TEST(Predict, TiesKeepTheLabelsOrder) {
  const std::vector<float> logits{1.0F, 2.0F, 2.0F, 1.0F};
  const std::vector<Prediction> best = predict(logits, ProblemType::kSingleLabelClassification, 0);
  EXPECT_EQ(best[0].label, 1);
  EXPECT_EQ(best[1].label, 2);
  EXPECT_EQ(best[2].label, 0);
  EXPECT_EQ(best[3].label, 3);
}

TEST(Predict, TheBestOfManyLabelsAreThoseOfAllSorted) {
  std::vector<float> logits;
  for (int k = 0; k < 3000; ++k) logits.push_back(static_cast<float>((k * 37) % 1000) / 100);  // each three times
  const std::vector<Prediction> all = predict(logits, ProblemType::kSingleLabelClassification, 0);
  for (const int32_t top_k : {1, 2, 7}) {
    const std::vector<Prediction> best = predict(logits, ProblemType::kSingleLabelClassification, top_k);
    ASSERT_EQ(best.size(), static_cast<std::size_t>(top_k));
    EXPECT_EQ(best.capacity(), best.size()) << "what is not wanted takes no memory";
    for (std::size_t i = 0; i < best.size(); ++i) {
      EXPECT_EQ(best[i].label, all[i].label);
      EXPECT_FLOAT_EQ(best[i].score, all[i].score);
    }
  }
}

TEST(Predict, MultiLabelScoresEachLabelByItself) {
  const std::vector<float> logits{0.0F, std::log(3.0F)};
  const std::vector<Prediction> best = predict(logits, ProblemType::kMultiLabelClassification, 0);
  EXPECT_EQ(best[0].label, 1);
  EXPECT_NEAR(best[0].score, 0.75, 0x1p-22);
  EXPECT_EQ(best[1].score, 0.5F);
}

TEST(WeighLogits, GiveTheProbabilitiesOfPredict) {
  const std::vector<float> logits{-30.0F, -1.0F, 0.5F, 2.0F};
  const LabelRules rules{.thresholds = {}, .weights = {4.0F, 0.25F, 1.0F, 1.1F}};
  const auto probabilities = [&](ProblemType type, std::vector<float> from, const LabelRules& with) {
    std::vector<float> by_label(from.size());
    for (const Prediction& one : predict(from, type, 0, with))
      by_label[static_cast<std::size_t>(one.label)] = one.score;
    return by_label;
  };
  for (const ProblemType type : {ProblemType::kSingleLabelClassification, ProblemType::kMultiLabelClassification}) {
    std::vector<float> weighed = logits;
    weigh_logits(weighed, type, rules.weights);
    const std::vector<float> expected = probabilities(type, logits, rules);
    const std::vector<float> found = probabilities(type, weighed, {});
    // A float logit of up to 30 is off by 2^-20, and so is a probability, relatively.
    for (std::size_t k = 0; k < found.size(); ++k) EXPECT_NEAR(found[k], expected[k], expected[k] * 0x1p-19) << k;
  }
}

TEST(WeighLogits, ACertaintyStaysFinite) {
  std::vector<float> logits{30.0F, 90.0F, -90.0F};
  weigh_logits(logits, ProblemType::kMultiLabelClassification, {8.0F, 1.0F, 1e6F});
  EXPECT_NEAR(logits[0], 24 * std::log(2.0), 1e-5);
  EXPECT_EQ(logits[1], 90) << "a weight of 1 changes nothing";
  EXPECT_NEAR(logits[2], -90 + std::log(1e6), 1e-5);
}

TEST(Predict, RegressionKeepsValuesAndOrder) {
  const std::vector<float> logits{-1.5F, 40.0F};
  const std::vector<Prediction> values = predict(logits, ProblemType::kRegression, 0);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].label, 0);
  EXPECT_EQ(values[0].score, -1.5F);
  EXPECT_EQ(values[1].score, 40.0F);
}

TEST(Predict, TopKIsAtMostK) {
  const std::vector<float> logits{0.0F, 1.0F};
  EXPECT_EQ(predict(logits, ProblemType::kSingleLabelClassification, 1).size(), 1U);
  EXPECT_EQ(predict(logits, ProblemType::kSingleLabelClassification, 9).size(), 2U);
  EXPECT_TRUE(predict({}, ProblemType::kSingleLabelClassification, 1).empty());
}

TEST(Predict, ThresholdsOfIndependentLabelsLetSeveralThroughOrNone) {
  const std::vector<float> logits{0.0F, std::log(3.0F), -std::log(3.0F)};  // 0.5, 0.75, 0.25
  const auto type = ProblemType::kMultiLabelClassification;
  LabelRules rules{.thresholds = {0.5F, 0.5F, 0.5F}};
  EXPECT_EQ(default_top_k(rules, type), 0);
  EXPECT_EQ(predict(logits, type, 0, rules).size(), 2U) << "0.5 is at the threshold";
  EXPECT_EQ(predict(logits, type, 1, rules).size(), 1U);
  rules.thresholds = {0.9F, 0.9F, 0.2F};
  EXPECT_EQ(predict(logits, type, 1, rules).front().label, 2) << "each label has its own";
  rules.thresholds = {0.9F, 0.9F, 0.9F};
  const std::vector<Prediction> none = predict(logits, type, 0, rules);
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none.front().label, kNoLabel);
  EXPECT_NEAR(none.front().score, 0.75, 0x1p-22);
}

TEST(Predict, ABestLabelBelowItsThresholdMakesNoOtherRight) {
  const std::vector<float> logits{0.0F, std::log(3.0F)};
  const LabelRules rules{.thresholds = {0.1F, 0.9F}};
  const std::vector<Prediction> none = predict(logits, ProblemType::kSingleLabelClassification, 1, rules);
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none.front().label, kNoLabel);
}

TEST(Predict, ClassWeightsMultiplyProbabilities) {
  const std::vector<float> logits{0.0F, std::log(3.0F)};  // softmax 0.25, 0.75
  const LabelRules rules{.weights = {9, 1}};
  const std::vector<Prediction> single = predict(logits, ProblemType::kSingleLabelClassification, 0, rules);
  EXPECT_EQ(single.front().label, 0);
  EXPECT_NEAR(single.front().score, 0.75, 0x1p-20) << "9 * 0.25 of 9 * 0.25 + 0.75";
  const std::vector<Prediction> multi = predict(logits, ProblemType::kMultiLabelClassification, 0, rules);
  EXPECT_EQ(multi.front().label, 0);
  EXPECT_EQ(multi.front().score, 1.0F) << "a probability stays one";
}

TEST(Predict, LabelOptionsMustFitTheModel) {
  const std::vector<std::string> labels{"ham", "spam"};
  const auto type = ProblemType::kSingleLabelClassification;
  const LabelRules rules = resolve_labels({.threshold = 0.5F, .label_thresholds = {{"spam", 0.9F}}}, labels, type);
  EXPECT_EQ(rules.thresholds, (std::vector<float>{0.5F, 0.9F}));
  EXPECT_TRUE(rules.weights.empty());
  EXPECT_THROW(resolve_labels({.class_weights = {{"eggs", 2.0F}}}, labels, type), Error);
  EXPECT_THROW(resolve_labels({.class_weights = {{"ham", 0.0F}}}, labels, type), Error);
  EXPECT_THROW(resolve_labels({.threshold = 1.5F}, labels, type), Error);
  EXPECT_THROW(resolve_labels({.threshold = 0.5F}, labels, ProblemType::kRegression), Error);
}

TEST(CombineWindows, OverProbabilitiesScoresAsTheirMean) {
  const std::vector<float> logits{0.0F, 0.0F, 0.0F, std::log(3.0F), 7.0F, 8.0F};  // text 0: two windows, text 1: one
  const std::vector<std::size_t> begins{0, 2, 3};
  const auto type = ProblemType::kSingleLabelClassification;
  const std::vector<float> rows = combine_windows(logits, begins, type, {});
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_NEAR(predict({rows.data(), 2}, type, 1).front().score, (0.5 + 0.75) / 2, 0x1p-20);
  EXPECT_EQ(rows[2], 7.0F) << "one window is left as it is";
  const std::vector<float> means = combine_windows(logits, begins, type, {.over_logits = true});
  EXPECT_NEAR(means[1], std::log(3.0F) / 2, 0x1p-22);
}

}  // namespace
}  // namespace paceline
