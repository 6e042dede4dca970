#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "metrics/average_precision.h"
#include "metrics/calibration.h"
#include "metrics/multi_label.h"
#include "metrics/paired.h"
#include "metrics/proportion.h"
#include "metrics/regression.h"
#include "metrics/single_label.h"
#include "statistics/random.h"

namespace paceline {
namespace {

TEST(Proportion, KeepsWithinZeroAndOne) {
  EXPECT_EQ(proportion(0, 5).low, 0);
  EXPECT_GT(proportion(0, 5).high, 0.4);
  EXPECT_EQ(proportion(5, 5).high, 1);
  EXPECT_LT(proportion(5, 5).low, 0.6);
}

TEST(SingleLabelScores, NothingPredictedIsWrongAndTakesNobodysPrecision) {
  const SingleLabels texts{2, {0, 0, 1, 1}, {0, kNothingPredicted, 1, kNothingPredicted}};
  const SingleLabelScores scores = score(texts);
  EXPECT_EQ(scores.accuracy.value, 0.5);
  EXPECT_EQ(scores.majority, 0.5);
  EXPECT_EQ(scores.labels[0].precision(), 1);
  EXPECT_EQ(scores.labels[0].recall(), 0.5);
  EXPECT_EQ(count_confusion(texts),
            (std::vector<ConfusionCell>{{0, 0, 1}, {0, kNothingPredicted, 1}, {1, 1, 1}, {1, kNothingPredicted, 1}}));
  EXPECT_EQ(confusion_matrix(count_confusion(texts), 2), (std::vector<std::vector<int64_t>>{{1, 0, 1}, {0, 1, 1}}));
}

TEST(SingleLabelScores, OfManyLabelsOnlyCellsThatOccurAreKept) {
  constexpr int32_t kLabels = 100'000;  // a matrix of them has 10^10 cells
  const SingleLabels texts{kLabels, {7, 99'999, 7, 7}, {99'999, 7, 99'999, kNothingPredicted}};
  EXPECT_EQ(count_confusion(texts),
            (std::vector<ConfusionCell>{{7, 99'999, 2}, {7, kNothingPredicted, 1}, {99'999, 7, 1}}));
}

TEST(SingleLabelScores, OneTextHasAnIntervalToo) {
  const SingleLabelScores scores = score(SingleLabels{3, {2}, {2}});
  EXPECT_EQ(scores.accuracy.value, 1);
  EXPECT_LT(scores.accuracy.low, 0.3);
  EXPECT_EQ(scores.macro_f1.value, 1);
}

/// 200 texts of two labels, each right with 80 %.
SingleLabels four_of_five_right(Random& random) {
  SingleLabels texts{.labels = 2, .expected = {}, .predicted = {}};
  for (int i = 0; i < 200; ++i) {
    const auto expected = static_cast<int32_t>(random.below(2));
    texts.expected.push_back(expected);
    texts.predicted.push_back(random.uniform() < 0.8 ? expected : 1 - expected);
  }
  return texts;
}

TEST(SingleLabelScores, NinetyFiveOfAHundredIntervalsHoldTheTruth) {
  // True macro-F1 is 0.8, too: both labels are equally frequent and equally often right. 300 samples: 285 expected,
  // with a standard deviation of 3.8; percentile intervals hold somewhat less often than they say (about 94 % here).
  Random random(31);
  int accuracy_held = 0;
  int macro_f1_held = 0;
  for (int i = 0; i < 300; ++i) {
    const SingleLabelScores scores = score(four_of_five_right(random));
    accuracy_held += scores.accuracy.low <= 0.8 && 0.8 <= scores.accuracy.high ? 1 : 0;
    macro_f1_held += scores.macro_f1.low <= 0.8 && 0.8 <= scores.macro_f1.high ? 1 : 0;
  }
  EXPECT_GE(accuracy_held, 285 - 4 * 4);
  EXPECT_LE(accuracy_held, 299);
  EXPECT_GE(macro_f1_held, 282 - 4 * 4);
  EXPECT_LE(macro_f1_held, 299);
}

TEST(PairedScores, AModelAgainstItselfDiffersInNothing) {
  Random random(32);
  const SingleLabels texts = four_of_five_right(random);
  const PairedScores scores = compare(texts, texts);
  EXPECT_EQ(scores.accuracy.value, 0);
  EXPECT_DOUBLE_EQ(scores.accuracy.low, -scores.accuracy.high);
  EXPECT_EQ(scores.macro_f1, (Score{0, 0, 0}));
  EXPECT_EQ(scores.p_value, 1);
  EXPECT_EQ(scores.agreement.value, 1);
}

TEST(PairedScores, SeesASmallLossThatTwoIntervalsApartHide) {
  // 1,000 texts: the second has 20 wrong that the first has right, and nothing else differs.
  SingleLabels first{2, std::vector<int32_t>(1000, 0), std::vector<int32_t>(1000, 0)};
  for (std::size_t i = 0; i < 200; ++i) first.predicted[i] = 1;
  SingleLabels second = first;
  for (std::size_t i = 200; i < 220; ++i) second.predicted[i] = 1;
  const PairedScores scores = compare(first, second);
  EXPECT_NEAR(scores.accuracy.value, -0.02, 1e-12);
  EXPECT_LT(scores.accuracy.high, 0);
  EXPECT_NEAR(scores.p_value, 2 * std::ldexp(1, -20), 1e-18);
  EXPECT_GT(score(first).accuracy.low, score(second).accuracy.low);
  EXPECT_LT(score(first).accuracy.low, score(second).accuracy.high);
}

TEST(PairedScores, AFewTextsDecideNothingThatMcNemarDoesNot) {
  // All differences go one way: the exact test needs six, of however many texts.
  for (const int64_t texts : {4, 5, 6, 20, 50, 100, 10'000}) {
    for (int64_t better = 1; better <= std::min<int64_t>(texts, 12); ++better) {
      const Score difference = share_difference(0, better, texts);
      EXPECT_EQ(difference.low > 0, mcnemar_p_value(0, better) < 0.05) << better << " of " << texts;
      EXPECT_DOUBLE_EQ(share_difference(better, 0, texts).high, -difference.low);
    }
  }
  const Score one = share_difference(0, 1, 1);
  EXPECT_EQ(one.value, 1);
  EXPECT_EQ(one.high, 1);
  EXPECT_LT(one.low, 0);
}

TEST(PairedScores, AnIntervalNeverTellsApartWhatMcNemarDoesNot) {
  for (const int64_t texts : {40, 200, 5000}) {
    for (int64_t one = 0; one <= 20; ++one) {
      for (int64_t other = 0; other <= 20; ++other) {
        const Score difference = share_difference(one, other, texts);
        const bool told = difference.low > 0 || difference.high < 0;
        EXPECT_TRUE(!told || mcnemar_p_value(one, other) < 0.05) << one << " and " << other << " of " << texts;
      }
    }
  }
  // 60 against 40: the normal interval alone ends just below 0, the exact test gives 0.057.
  EXPECT_EQ(share_difference(60, 40, 5000).high, 0);
}

TEST(PairedScores, AMeanOfDifferencesHasStudentsInterval) {
  const std::vector<double> first{1, 2, 3, 4};
  const std::vector<double> second{2, 4, 3, 5};
  const Score difference = paired_difference(first, second);
  // Mean 1, deviation sqrt(2 / 3), t of 3 degrees 3.1824.
  EXPECT_DOUBLE_EQ(difference.value, 1);
  EXPECT_NEAR(difference.low, 1 - 3.182446 * std::sqrt(2.0 / 3) / 2, 1e-6);
  EXPECT_NEAR(difference.high, 1 + 3.182446 * std::sqrt(2.0 / 3) / 2, 1e-6);
  EXPECT_EQ(paired_difference(std::vector<double>{1}, std::vector<double>{3}), (Score{2, 2, 2}));
}

/// Squared errors of two models on few texts, whose difference is 0 in truth: an interval drawn again from eight texts
/// is too narrow by a tenth.
TEST(PairedScores, AMeanOfFewDifferencesHoldsTheTruth) {
  Random random(5);
  int held = 0;
  for (int i = 0; i < 1000; ++i) {
    std::vector<double> first, second;
    for (int text = 0; text < 8; ++text) {
      first.push_back(random.uniform() * random.uniform());
      second.push_back(random.uniform() * random.uniform());
    }
    const Score difference = paired_difference(first, second);
    held += difference.low <= 0 && 0 <= difference.high ? 1 : 0;
  }
  EXPECT_GE(held, 935);  // 950 expected, with a standard deviation of 7
}

TEST(McNemar, HandComputedCases) {
  EXPECT_EQ(mcnemar_p_value(0, 0), 1);
  EXPECT_EQ(mcnemar_p_value(3, 3), 1);
  EXPECT_NEAR(mcnemar_p_value(1, 0), 1, 1e-14);
  EXPECT_NEAR(mcnemar_p_value(0, 6), 2.0 / 64, 1e-15);
  EXPECT_NEAR(mcnemar_p_value(6, 0), 2.0 / 64, 1e-15);
}

TEST(AveragePrecision, TextsOfOneScoreCountTogether) {
  const std::vector<uint32_t> once{1, 1, 1, 1};
  const std::vector<float> scores{2, 1, 1, 0};
  EXPECT_EQ(AveragePrecision(scores, std::vector<uint8_t>{1, 0, 0, 0}).of(once), 1);
  EXPECT_EQ(AveragePrecision(scores, std::vector<uint8_t>{0, 1, 0, 0}).of(once), 1.0 / 3);
  EXPECT_EQ(AveragePrecision(scores, std::vector<uint8_t>{0, 0, 1, 0}).of(once), 1.0 / 3);
  EXPECT_EQ(AveragePrecision(scores, std::vector<uint8_t>{0, 0, 0, 0}).of(once), std::nullopt);
  // Drawn twice, the first counts twice.
  EXPECT_EQ(AveragePrecision(scores, std::vector<uint8_t>{0, 0, 0, 1}).of(std::vector<uint32_t>{2, 0, 0, 1}), 1.0 / 3);
}

TEST(MultiLabelScores, ATextIsExactWhereAllItsLabelsAre) {
  const MultiLabels texts{2, {1, 0, 1, 1, 0, 0}, {1, 0, 1, 0, 0, 0}, {3, -1, 2, -1, -2, -3}};
  const MultiLabelScores scores = score(texts);
  EXPECT_DOUBLE_EQ(scores.exact.value, 2.0 / 3);
  EXPECT_DOUBLE_EQ(scores.micro_f1.value, 2 * 2.0 / 5);
  EXPECT_DOUBLE_EQ(scores.macro_f1.value, 0.5);
  EXPECT_EQ(scores.label_average_precision[0], 1);
}

TEST(MultiLabelScores, ATextCountsAsOftenAsItWasDrawn) {
  const MultiLabels texts{3, {1, 0, 1, 0, 1, 0, 1, 0, 0}, {1, 1, 0, 0, 1, 0, 0, 0, 0}, {}};
  std::vector<LabelCounts> counts(3, LabelCounts{9, 9, 9});
  MarkedLabels(texts).count(std::vector<uint32_t>{2, 3, 0}, counts);
  EXPECT_EQ(counts[0].expected, 2);
  EXPECT_EQ(counts[0].right, 2);
  EXPECT_EQ(counts[1].predicted, 5);
  EXPECT_EQ(counts[1].right, 3);
  EXPECT_EQ(counts[2].expected, 2);
  EXPECT_EQ(counts[2].predicted, 0);
}

TEST(MultiLabelScores, WithoutScoresThereIsNoAveragePrecision) {
  const MultiLabels texts{2, {1, 0, 1, 1, 0, 0}, {1, 0, 1, 0, 0, 0}, {}};
  const MultiLabelScores scores = score(texts);
  EXPECT_DOUBLE_EQ(scores.micro_f1.value, 2 * 2.0 / 5);
  EXPECT_FALSE(scores.average_precision.has_value());
  EXPECT_EQ(scores.label_average_precision, std::vector<std::optional<double>>(2));
}

TEST(MultiLabelScores, IntervalsOfAveragePrecisionHoldTheTruthWhereALabelIsRare) {
  // Six of 200 texts have each label, and the scores say nothing: the true average precision is then the share of such
  // texts. Of six, it comes out about 0.02 above. 60 samples: 57 expected, with a standard deviation of 1.7; percentile
  // intervals hold it 29 times.
  Random random(34);
  constexpr double kShare = 0.03;
  int held = 0;
  for (int i = 0; i < 60; ++i) {
    MultiLabels texts{.labels = 4};
    for (int item = 0; item < 200 * 4; ++item) {
      texts.expected.push_back(random.uniform() < kShare ? 1 : 0);
      texts.scores.push_back(static_cast<float>(random.uniform()));
    }
    texts.predicted = texts.expected;
    const std::optional<Score> precision = score(texts).average_precision;
    ASSERT_TRUE(precision.has_value());
    held += precision->low <= kShare && kShare <= precision->high ? 1 : 0;
  }
  EXPECT_GE(held, 57 - 4 * 1.7);
}

TEST(PairedMultiScores, DifferencesAreTheSecondsFiguresMinusTheFirsts) {
  const MultiLabels first{2, {1, 0, 1, 1, 0, 0, 0, 1}, {1, 0, 1, 0, 0, 1, 0, 1}, {}};
  MultiLabels second = first;
  second.predicted = second.expected;
  const PairedMultiScores better = compare(first, second);
  EXPECT_DOUBLE_EQ(better.exact.value, 0.5);
  EXPECT_DOUBLE_EQ(better.micro_f1.value, 1 - 2 * 3.0 / 8);
  EXPECT_DOUBLE_EQ(better.macro_f1.value, 1 - (1 + 0.5) / 2);
  const PairedMultiScores worse = compare(second, first);
  EXPECT_DOUBLE_EQ(worse.macro_f1.low, -better.macro_f1.high);
  const PairedMultiScores same = compare(first, first);
  EXPECT_EQ(same.micro_f1.value, 0);
  EXPECT_EQ(same.agreement.value, 1);
  EXPECT_EQ(better.differing, 2);
}

/// Texts of two labels, of which the first ones have one. `changed` of them lose a label in the second that the first
/// gives.
struct RareLabels {
  MultiLabels first{.labels = 2};
  MultiLabels second{.labels = 2};

  RareLabels(int texts, int labelled, int changed) {
    for (int i = 0; i < texts; ++i) {
      const bool named = i < labelled;
      for (const bool label : {named, false}) {
        first.expected.push_back(label ? 1 : 0);
        second.expected.push_back(label ? 1 : 0);
        first.predicted.push_back(label ? 1 : 0);
        second.predicted.push_back(label && i >= changed ? 1 : 0);
      }
    }
  }
  Score difference() const { return micro_f1_difference(first, second); }
};

TEST(MicroF1Difference, OnlyTextsWithALabelTell) {
  const Score none = RareLabels(2000, 40, 0).difference();
  EXPECT_EQ(none.value, 0);
  EXPECT_NEAR(none.high, 1.96 * std::sqrt(2) / 40, 1e-4) << "as 40 texts say it of accuracy";
  EXPECT_DOUBLE_EQ(none.low, -none.high);
  const Score dense = RareLabels(2000, 2000, 0).difference();
  EXPECT_NEAR(dense.high, share_difference(0, 0, 2000).high, 1e-5);
  const Score empty = RareLabels(2000, 0, 0).difference();
  EXPECT_EQ(empty, (Score{0, -1, 1}));
}

TEST(MicroF1Difference, FiveTextsDecideNothing) {
  for (const int labelled : {5, 6, 40, 1000}) {
    for (int changed = 1; changed <= 5; ++changed) {
      EXPECT_GE(RareLabels(2000, labelled, changed).difference().high, 0) << changed << " of " << labelled;
    }
  }
  EXPECT_LT(RareLabels(2000, 1000, 12).difference().high, 0);
}

/// One of 50 texts has the label. The first model finds nine of ten of them, the second changes one answer of 200.
TEST(MicroF1Difference, NineteenOfTwentyIntervalsOfARareLabelHoldTheTruth) {
  constexpr double kRate = 0.02, kChanges = 0.005;
  // Of a text: found by the first with 0.9, by the second with 0.9 (1 - c) + 0.1 c; neither gives it to another.
  const auto f1 = [](double found) { return 2 * found / (1 + found); };
  const double truth = f1(0.9 * (1 - kChanges) + 0.1 * kChanges) - f1(0.9);
  Random random(11);
  int held = 0;
  int no_width = 0;
  for (int i = 0; i < 500; ++i) {
    MultiLabels first{.labels = 1};
    MultiLabels second{.labels = 1};
    for (int text = 0; text < 2000; ++text) {
      const bool named = random.uniform() < kRate;
      const bool found = named && random.uniform() < 0.9;
      const bool changes = named && random.uniform() < kChanges;
      first.expected.push_back(named ? 1 : 0);
      second.expected.push_back(named ? 1 : 0);
      first.predicted.push_back(found ? 1 : 0);
      second.predicted.push_back(found != changes ? 1 : 0);
    }
    const Score difference = micro_f1_difference(first, second);
    held += difference.low <= truth && truth <= difference.high ? 1 : 0;
    no_width += difference.low == difference.high ? 1 : 0;
  }
  EXPECT_GE(held, 470);
  EXPECT_EQ(no_width, 0);
}

TEST(RegressionScores, HugeValuesHaveACorrelation) {
  const std::vector<double> huge{1e300, 2e300, -3e300, 4e300};
  const std::vector<double> plain{1, 2, -3, 5};
  const std::vector<double> ones{1, 2, -3, 4};
  EXPECT_DOUBLE_EQ(score(huge, plain).pearson->value, score(ones, plain).pearson->value);
}

TEST(RegressionScores, NothingIsSaidOfAConstant) {
  const std::vector<double> constant(6, 2);
  const std::vector<double> rising{0, 1, 2, 3, 4, 5};
  const RegressionScores scores = score(rising, constant);
  EXPECT_FALSE(scores.pearson.has_value());
  EXPECT_FALSE(scores.spearman.has_value());
  EXPECT_DOUBLE_EQ(scores.mean_absolute_error.value, 1.5);
  const RegressionScores exact = score(rising, rising);
  EXPECT_EQ(exact.pearson, (Score{1, 1, 1}));
  EXPECT_EQ(exact.spearman, (Score{1, 1, 1}));
  EXPECT_EQ(exact.mean_squared_error, (Score{0, 0, 0}));
}

TEST(RegressionScores, ThreeTextsAreTooFewForACorrelation) {
  const std::vector<double> three{1, 2, 4};
  EXPECT_FALSE(score(three, three).pearson.has_value());
}

TEST(Calibration, OverconfidenceIsMendedByItsTemperature) {
  // Right with 75 % where the logits, three times as far from 0 as they should be, say 96 %.
  const float logit = 3 * std::log(3.0F);
  std::vector<float> logits;
  std::vector<int32_t> expected;
  for (int i = 0; i < 400; ++i) {
    logits.insert(logits.end(), {logit, 0});
    expected.push_back(i % 4 == 0 ? 1 : 0);
  }
  const Calibration calibration = calibrate_single(logits, expected, 2);
  EXPECT_NEAR(calibration.plain.error, 27.0 / 28 - 0.75, 1e-6);
  ASSERT_TRUE(calibration.temperature.has_value());
  EXPECT_NEAR(*calibration.temperature, 3, 1e-6);
  EXPECT_NEAR(calibration.tempered.error, 0, 1e-6);
}

TEST(Calibration, TheTextsOfATemperatureFlatterItByAboutOneInTheirNumber) {
  // Labels are drawn with the probabilities of the logits, so that the best temperature is 1. Beside each loss stands
  // the one without a temperature, which varies with the texts alike.
  constexpr int kTexts = 100;
  Random random(35);
  const auto draw = [&](std::vector<float>& logits, std::vector<int32_t>& expected) {
    for (int i = 0; i < kTexts; ++i) {
      logits.insert(logits.end(), {static_cast<float>(4 * random.uniform() - 2), 0});
      expected.push_back(random.uniform() < 1 / (1 + std::exp(-static_cast<double>(*(logits.end() - 2)))) ? 0 : 1);
    }
  };
  double own = 0;
  double others = 0;
  int samples = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<float> logits, fresh;
    std::vector<int32_t> expected, fresh_expected;
    draw(logits, expected);
    draw(fresh, fresh_expected);
    const Calibration calibration = calibrate_single(logits, expected, 2);
    if (!calibration.temperature) continue;
    own += calibration.tempered.log_loss - calibration.plain.log_loss;
    others -= calibrate_single(fresh, fresh_expected, 2).plain.log_loss;
    for (float& logit : fresh) logit /= static_cast<float>(*calibration.temperature);
    others += calibrate_single(fresh, fresh_expected, 2).plain.log_loss;
    ++samples;
  }
  EXPECT_GT(samples, 390);
  EXPECT_NEAR((others - own) / samples, 1.0 / kTexts, 0.3 / kTexts);
}

TEST(Calibration, TextsAllRightOrAllWrongHaveNoTemperature) {
  const std::vector<float> logits{2, 0, 0, 1};
  EXPECT_FALSE(calibrate_single(logits, std::vector<int32_t>{0, 1}, 2).temperature.has_value());
  const Calibration wrong = calibrate_single(logits, std::vector<int32_t>{1, 0}, 2);
  EXPECT_FALSE(wrong.temperature.has_value());
  EXPECT_EQ(wrong.tempered.error, wrong.plain.error);
}

TEST(Calibration, LogitsFarApartStayFinite) {
  const std::vector<float> logits{3e4F, -3e4F, -3e4F, 3e4F, 5, 0};
  const Calibration calibration = calibrate_single(logits, std::vector<int32_t>{0, 0, 0}, 2);
  EXPECT_TRUE(std::isfinite(calibration.plain.log_loss));
  EXPECT_TRUE(std::isfinite(calibration.tempered.log_loss));
}

/// 300 texts of so many labels, of which the model finds some.
struct ManyLabels {
  SingleLabelLogits collected;
  std::vector<float> logits{};
  std::vector<int32_t> expected{};

  explicit ManyLabels(int32_t labels) : collected(labels) {
    Random random(36);
    for (int text = 0; text < 300; ++text) {
      std::vector<float> row;
      for (int32_t k = 0; k < labels; ++k) row.push_back(static_cast<float>(6 * random.uniform() + random.uniform()));
      expected.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(labels))));
      row[static_cast<std::size_t>(expected.back())] += random.uniform() < 0.6 ? 9 : 0;
      collected.add(row, expected.back());
      logits.insert(logits.end(), row.begin(), row.end());
    }
  }
};

void expect_equal(const Reliability& one, const Reliability& other) {
  EXPECT_EQ(one.error, other.error);
  EXPECT_EQ(one.log_loss, other.log_loss);
  for (std::size_t i = 0; i < one.bins.size(); ++i) EXPECT_EQ(one.bins[i].probability, other.bins[i].probability);
}

TEST(Calibration, OfFewLabelsTextsOneByOneGiveTheSameBits) {
  const ManyLabels few(kManyLabels);
  const Calibration whole = calibrate_single(few.logits, few.expected, kManyLabels);
  const Calibration found = few.collected.calibrate();
  EXPECT_EQ(found.temperature, whole.temperature);
  expect_equal(found.plain, whole.plain);
  expect_equal(found.tempered, whole.tempered);
}

TEST(Calibration, OfManyLabelsTheTemperatureIsThatOfAllLogits) {
  constexpr int32_t kLabels = 2000;
  const ManyLabels many(kLabels);
  const Calibration whole = calibrate_single(many.logits, many.expected, kLabels);
  const Calibration found = many.collected.calibrate();
  expect_equal(found.plain, whole.plain);
  ASSERT_TRUE(whole.temperature && found.temperature);
  EXPECT_NEAR(*found.temperature, *whole.temperature, 1e-5 * *whole.temperature);
  EXPECT_NEAR(found.tempered.log_loss, whole.tempered.log_loss, 1e-5);
  EXPECT_NEAR(found.tempered.error, whole.tempered.error, 1e-5);
}

TEST(Calibration, OfManyLabelsLogitsFarApartStayFinite) {
  SingleLabelLogits texts(kManyLabels + 1);
  std::vector<float> row(kManyLabels + 1, -3e38F);
  row[3] = 3e38F;
  row[4] = 1;
  for (const int32_t expected : {3, 4, 5}) texts.add(row, expected);
  const Calibration calibration = texts.calibrate();
  EXPECT_TRUE(std::isfinite(calibration.plain.log_loss));
  EXPECT_TRUE(std::isfinite(calibration.tempered.log_loss));
}

TEST(Calibration, OfManyIndependentLabelsTheTemperatureIsThatOfAllLogits) {
  Random random(37);
  std::vector<float> logits;
  std::vector<uint8_t> expected;
  for (int i = 0; i < 200 * 300; ++i) {
    const double logit = 8 * random.uniform() - 6;
    logits.push_back(static_cast<float>(2 * logit));
    expected.push_back(random.uniform() < 1 / (1 + std::exp(-logit)) ? 1 : 0);
  }
  const Calibration whole = calibrate_multi(logits, expected, 200);
  const Calibration found = calibrate_multi(logits, expected, 300);
  expect_equal(found.plain, whole.plain);
  ASSERT_TRUE(whole.temperature && found.temperature);
  EXPECT_NEAR(*whole.temperature, 2, 0.1);
  EXPECT_NEAR(*found.temperature, *whole.temperature, 1e-6);
  EXPECT_NEAR(found.tempered.log_loss, whole.tempered.log_loss, 1e-9);
}

TEST(RegressionScores, TheDifferenceOfTwoCorrelationsIsPaired) {
  Random random(7);
  std::vector<double> expected, near, far;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(random.uniform());
    near.push_back(expected.back() + 0.1 * random.uniform());
    far.push_back(expected.back() + 2 * random.uniform());
  }
  const std::optional<Score> difference = pearson_difference(expected, near, far);
  ASSERT_TRUE(difference.has_value());
  EXPECT_DOUBLE_EQ(difference->value, score(expected, far).pearson->value - score(expected, near).pearson->value);
  EXPECT_LT(difference->high, 0);
  EXPECT_EQ(pearson_difference(expected, near, near), (Score{0, 0, 0}));
  EXPECT_FALSE(pearson_difference(expected, std::vector<double>(200, 1), near).has_value());
}

}  // namespace
}  // namespace paceline
