#include "bench/accuracy_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "bench/gate.h"
#include "bench/labelled_texts.h"
#include "metrics/paired.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kLabels = 3;

/// Logits that give each text one label.
std::vector<float> logits_for(const std::vector<int32_t>& labels) {
  std::vector<float> logits(labels.size() * kLabels);
  for (std::size_t i = 0; i < labels.size(); ++i) logits[i * kLabels + static_cast<std::size_t>(labels[i])] = 4;
  return logits;
}

GateResult accepted_gate() {
  GateResult gate;
  gate.ran = gate.comparable = gate.accepted = true;
  gate.verdict = "equal.";
  return gate;
}

/// Texts of a token each; what is expected of text i is i % 3.
LabelledTexts make_texts(std::size_t count, ProblemType type = ProblemType::kSingleLabelClassification) {
  LabelledTexts texts{.summary = {}, .scoring = {.rules = {.problem_type = type}, .labels = kLabels}, .sequences = {}};
  for (std::size_t i = 0; i < count; ++i) {
    texts.sequences.encodings.push_back({.input_ids = {1}, .token_type_ids = {}});
    texts.sequences.begins.push_back(i);
    texts.lengths.push_back(1);
    texts.expected.push_back({.labels = {static_cast<int32_t>(i % kLabels)}});
    texts.rows.push_back(static_cast<int64_t>(i) + 1);
  }
  texts.sequences.begins.push_back(count);
  return texts;
}

/// A compute type and fp32 on the same texts: `lost` are right in fp32 alone, `won` in the other alone, the first ones
/// each. 1 of 10 is wrong in both.
struct Case {
  std::size_t texts = 0;
  std::size_t lost = 0;
  std::size_t won = 0;
  double min_agreement = 0.995;
  std::string compute_type = "int8";

  GateResult judged() const {
    const LabelledTexts labelled = make_texts(texts);
    std::vector<int32_t> oracle, other;
    for (std::size_t i = 0; i < texts; ++i) {
      const auto right = static_cast<int32_t>(i % kLabels);
      const int32_t wrong = (right + 1) % static_cast<int32_t>(kLabels);
      const bool oracle_right = i % 10 != 0;
      // Texts 0, 10, 20 ... are wrong in fp32, those between right.
      const bool changes = oracle_right ? i - i / 10 - 1 < lost : i / 10 < won;
      oracle.push_back(oracle_right ? right : wrong);
      other.push_back(oracle_right == changes ? wrong : right);
    }
    GateResult gate = compare_logits(
        logits_for(oracle), logits_for(other),
        {.oracle = "native fp32", .compute_type = compute_type, .outputs = kLabels, .min_agreement = min_agreement});
    const auto of_oracle = collect_answers(labelled, logits_for(oracle));
    const auto of_other = collect_answers(labelled, logits_for(other));
    const auto accuracy = accuracy_of(*of_other, &*of_oracle, ProblemType::kSingleLabelClassification);
    EXPECT_DOUBLE_EQ(accuracy->difference->value,
                     (static_cast<double>(won) - static_cast<double>(lost)) / static_cast<double>(texts));
    judge_by_accuracy(gate, compute_type, accuracy, {.texts = static_cast<int64_t>(texts), .oracle = "native fp32"});
    return gate;
  }
};

TEST(AccuracyGate, ATypeThatLosesThreePointsIsRejectedThoughAgreementIsFine) {
  const GateResult gate = Case{.texts = 2000, .lost = 60, .min_agreement = 0.95}.judged();
  EXPECT_GE(gate.agreement, 0.95);
  EXPECT_FALSE(gate.accepted);
  EXPECT_EQ(gate.basis, GateBasis::kAccuracy);
  EXPECT_THAT(gate.verdict, StartsWith("its accuracy changes by -3.00 points (95 % interval -3."));
  EXPECT_THAT(gate.verdict, HasSubstr("a loss of 0.50 points is allowed (2,000 labelled texts against native fp32)."));
}

TEST(AccuracyGate, ATypeThatAgreesNinetyNineOfAHundredTimesButLosesNothingIsAccepted) {
  const GateResult gate = Case{.texts = 4000, .lost = 20, .won = 20}.judged();
  EXPECT_DOUBLE_EQ(gate.agreement, 0.99);
  EXPECT_TRUE(gate.accepted);
  EXPECT_EQ(gate.basis, GateBasis::kAccuracy);
  EXPECT_THAT(gate.verdict, HasSubstr("changes by 0.00 points"));
}

TEST(AccuracyGate, TooFewTextsLeaveItToTheAgreementAndSaySo) {
  const GateResult unchanged = Case{.texts = 100}.judged();
  EXPECT_TRUE(unchanged.accepted);
  EXPECT_EQ(unchanged.basis, GateBasis::kAnswers);
  EXPECT_THAT(unchanged.verdict, StartsWith("100.00 % of the labels are equal"));
  EXPECT_THAT(unchanged.verdict, HasSubstr("100 labelled texts are too few to tell whether more than 0.50 points are "
                                           "lost, so agreement decides."));
  const GateResult one = Case{.texts = 100, .lost = 1}.judged();
  EXPECT_FALSE(one.accepted) << "99 of 100 equal, and one text says nothing of accuracy";
  EXPECT_EQ(one.basis, GateBasis::kAnswers);
}

/// A larger loss than is allowed, and no chance that it is none: no reason to look for a friendlier measure.
TEST(AccuracyGate, ASureLossBeyondTheLimitIsNoCaseForTheAgreement) {
  const GateResult gate = Case{.texts = 1200, .lost = 7, .min_agreement = 0.9}.judged();
  EXPECT_FALSE(gate.accepted);
  EXPECT_EQ(gate.basis, GateBasis::kAccuracy);
}

/// All that changes is lost, of five texts four, of forty five: an accident of 1 in 8, and of 1 in 16.
TEST(AccuracyGate, AHandfulOfTextsRejectsNothing) {
  for (const auto& [texts, lost] : {std::pair<std::size_t, std::size_t>{5, 4}, {40, 5}}) {
    const GateResult gate = Case{.texts = texts, .lost = lost, .min_agreement = 0}.judged();
    EXPECT_EQ(gate.basis, GateBasis::kAnswers) << gate.verdict;
    EXPECT_TRUE(gate.accepted);
  }
  EXPECT_EQ((Case{.texts = 40, .lost = 6, .min_agreement = 0}.judged().basis), GateBasis::kAccuracy);
}

/// A type that loses what may not be lost passes now and then. The intervals are 95 % on both sides together, and where
/// every change is a loss nearly all of the error is on one.
TEST(AccuracyGate, ATypeAtTheLimitIsSeldomAccepted) {
  for (const int64_t texts : {553, 625, 1250, 2000, 5000, 10'000}) {
    const double mean = kDefaultMaxAccuracyLoss * static_cast<double>(texts);
    double accepted = 0;
    for (int64_t lost = 0; - share_difference(lost, 0, texts).low <= kDefaultMaxAccuracyLoss; ++lost) {
      accepted += std::exp(static_cast<double>(lost) * std::log(mean) - mean - std::lgamma(lost + 1.0));
    }
    EXPECT_LT(accepted, 0.07) << texts;
  }
}

TEST(AccuracyGate, TheLeastNumberOfTextsThatCanTell) {
  EXPECT_FALSE(can_tell(kDefaultMaxAccuracyLoss, 552));
  EXPECT_TRUE(can_tell(kDefaultMaxAccuracyLoss, 553));
  EXPECT_TRUE(can_tell(kLeastMaxAccuracyLoss, static_cast<int64_t>(kMostLabelledTexts)));
  EXPECT_FALSE(can_tell(0.9 * kLeastMaxAccuracyLoss, static_cast<int64_t>(kMostLabelledTexts)));
  EXPECT_EQ((Case{.texts = 552}.judged().basis), GateBasis::kAnswers);
  EXPECT_EQ((Case{.texts = 553}.judged().basis), GateBasis::kAccuracy);
}

TEST(AccuracyGate, Fp32StaysJudgedByItsNumbers) {
  const GateResult gate = Case{.texts = 2000, .lost = 60, .compute_type = "fp32"}.judged();
  EXPECT_EQ(gate.basis, GateBasis::kAnswers);
  EXPECT_THAT(gate.verdict, StartsWith("largest difference"));
}

TEST(AccuracyGate, WhatIsNotANumberIsNotSavedByItsAccuracy) {
  const std::vector<float> expected(3 * kLabels, 1);
  std::vector<float> logits = expected;
  logits[0] = NAN;
  GateResult gate =
      compare_logits(expected, logits, {.oracle = "native fp32", .compute_type = "int8", .outputs = kLabels});
  judge_by_accuracy(gate, "int8", AccuracyResult{.headline = {1, 1, 1}, .difference = Score{}}, {.texts = 10'000});
  EXPECT_FALSE(gate.accepted);
  EXPECT_FALSE(collect_answers(make_texts(3), logits).has_value());
}

TEST(AccuracyGate, SeveralLabelsAreScoredByMicroF1) {
  LabelledTexts texts = make_texts(600, ProblemType::kMultiLabelClassification);
  texts.scoring.options = {.labels = {.thresholds = std::vector<float>(kLabels, 0.5F)}, .top_k = 0};
  std::vector<float> right = logits_for({});
  std::vector<float> changed;
  for (std::size_t i = 0; i < 600; ++i) {
    for (std::size_t k = 0; k < kLabels; ++k) {
      right.push_back(k == i % kLabels ? 3.F : -3.F);
      changed.push_back(i < 60 ? -3.F : right.back());  // no label at all
    }
  }
  const auto oracle = collect_answers(texts, right);
  const auto other = collect_answers(texts, changed);
  const auto accuracy = accuracy_of(*other, &*oracle, ProblemType::kMultiLabelClassification);
  // 540 of 600 found and nothing false: 2 * 540 / (600 + 540).
  EXPECT_DOUBLE_EQ(accuracy->headline.value, 1080.0 / 1140);
  EXPECT_DOUBLE_EQ(accuracy->difference->value, 1080.0 / 1140 - 1);
  EXPECT_TRUE(accuracy->macro_f1.has_value());
  GateResult gate = accepted_gate();
  judge_by_accuracy(gate, "bf16", accuracy, {.metric = Metric::kMicroF1, .texts = 600, .oracle = "native fp32"});
  EXPECT_FALSE(gate.accepted);
  EXPECT_THAT(gate.verdict, StartsWith("its micro-F1 changes by -0.0526 (95 % interval -0."));
}

/// One text of fifty has a label: no change in 2,000 texts says what no change in 40 does.
TEST(AccuracyGate, TextsWithoutLabelsAcceptNothing) {
  constexpr std::size_t kTexts = 2000;
  LabelledTexts texts = make_texts(kTexts, ProblemType::kMultiLabelClassification);
  texts.scoring.options = {.labels = {.thresholds = std::vector<float>(kLabels, 0.5F)}, .top_k = 0};
  std::vector<float> logits(kTexts * kLabels, -3);
  for (std::size_t i = 0; i < kTexts; ++i) {
    texts.expected[i].labels.clear();
    if (i % 50 != 0) continue;
    texts.expected[i].labels.push_back(0);
    logits[i * kLabels] = 3;
  }
  const auto answers = collect_answers(texts, logits);
  const auto accuracy = accuracy_of(*answers, &*answers, ProblemType::kMultiLabelClassification);
  GateResult gate = accepted_gate();
  judge_by_accuracy(gate, "int8", accuracy, {.metric = Metric::kMicroF1, .texts = kTexts, .oracle = "native fp32"});
  EXPECT_EQ(gate.basis, GateBasis::kAnswers);
  EXPECT_THAT(gate.verdict, HasSubstr("2,000 labelled texts are too few to tell"));
}

TEST(AccuracyGate, ARegressionIsScoredByPearson) {
  LabelledTexts texts = make_texts(600, ProblemType::kRegression);
  texts.scoring.labels = 1;
  std::vector<float> values, doubled, constant;
  for (std::size_t i = 0; i < 600; ++i) {
    texts.expected[i] = {.value = static_cast<double>(i)};
    values.push_back(static_cast<float>(i % 100 + i));
    doubled.push_back(2 * values.back());
    constant.push_back(1);
  }
  const auto oracle = collect_answers(texts, values);
  const auto same = accuracy_of(*collect_answers(texts, doubled), &*oracle, ProblemType::kRegression);
  EXPECT_NEAR(same->difference->value, 0, 1e-12);
  EXPECT_TRUE(same->spearman.has_value());
  const auto none = accuracy_of(*collect_answers(texts, constant), &*oracle, ProblemType::kRegression);
  EXPECT_FALSE(none.has_value());
  GateResult gate = accepted_gate();
  judge_by_accuracy(gate, "bf16", none, {.metric = Metric::kPearson, .texts = 600});
  EXPECT_TRUE(gate.accepted);
  EXPECT_EQ(gate.verdict, "equal. Its Pearson correlation is not defined on 600 labelled texts, so agreement decides.");
}

}  // namespace
}  // namespace paceline
