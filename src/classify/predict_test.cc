#include <gtest/gtest.h>

#include <cmath>

#include "classify/text_pipeline.h"

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

TEST(Predict, MultiLabelScoresEachLabelByItself) {
  const std::vector<float> logits{0.0F, std::log(3.0F)};
  const std::vector<Prediction> best = predict(logits, ProblemType::kMultiLabelClassification, 0);
  EXPECT_EQ(best[0].label, 1);
  EXPECT_NEAR(best[0].score, 0.75, 0x1p-22);
  EXPECT_EQ(best[1].score, 0.5F);
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

}  // namespace
}  // namespace paceline
