/// Against scikit-learn, scipy and statsmodels: testdata/metrics.json, which tools/make/make_metrics.py writes.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "metrics/calibration.h"
#include "metrics/multi_label.h"
#include "metrics/paired.h"
#include "metrics/regression.h"
#include "metrics/single_label.h"

namespace paceline {
namespace {

/// Sums of some hundred numbers near 1 in double precision, in another order.
constexpr double kSums = 1e-12;
/// SciPy's minimiser stops at 1e-12 of the logarithm or at the flat bottom of the loss, which it cannot see below the
/// square root of the precision.
constexpr double kMinimum = 1e-6;

Json golden() { return read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "metrics.json"); }

template <class T>
std::vector<T> list(const Json& json, const char* key) {
  return json.at(key).get<std::vector<T>>();
}

double number(const Json& json, const char* key) { return json.at(key).get<double>(); }

void expect_interval_holds(const Score& score) {
  EXPECT_LE(score.low, score.value);
  EXPECT_GE(score.high, score.value);
}

class GoldenSingleLabel : public testing::TestWithParam<std::size_t> {
 protected:
  SingleLabels texts(const char* predicted) const {
    return {case_.at("labels").get<int32_t>(), list<int32_t>(case_, "expected"), list<int32_t>(case_, predicted)};
  }
  const Json case_ = golden().at("single_label").at(GetParam());
};

TEST_P(GoldenSingleLabel, ScoresAreThoseOfScikitLearn) {
  const SingleLabels first = texts("first");
  const SingleLabelScores scores = score(first);
  EXPECT_DOUBLE_EQ(scores.accuracy.value, number(case_, "accuracy"));
  EXPECT_DOUBLE_EQ(scores.majority, number(case_, "majority"));
  EXPECT_NEAR(scores.accuracy.low, case_.at("wilson").at(0).get<double>(), kSums);
  EXPECT_NEAR(scores.accuracy.high, case_.at("wilson").at(1).get<double>(), kSums);
  EXPECT_NEAR(scores.macro_f1.value, number(case_, "macro_f1"), kSums);
  expect_interval_holds(scores.macro_f1);
  const auto confusion = confusion_matrix(count_confusion(first), static_cast<std::size_t>(first.labels));
  for (int32_t k = 0; k < first.labels; ++k) {
    const LabelCounts& label = scores.labels[static_cast<std::size_t>(k)];
    EXPECT_EQ(label.expected, case_.at("support").at(k).get<int64_t>());
    EXPECT_DOUBLE_EQ(label.precision(), case_.at("precision").at(k).get<double>());
    EXPECT_DOUBLE_EQ(label.recall(), case_.at("recall").at(k).get<double>());
    EXPECT_NEAR(label.f1(), case_.at("f1").at(k).get<double>(), kSums);
    for (int32_t j = 0; j < first.labels; ++j) {
      EXPECT_EQ(confusion[static_cast<std::size_t>(k)][static_cast<std::size_t>(j)],
                case_.at("confusion").at(k * first.labels + j).get<int64_t>());
    }
    EXPECT_EQ(confusion[static_cast<std::size_t>(k)].back(), 0);
  }
}

TEST_P(GoldenSingleLabel, CalibrationIsThatOfScikitLearnAndScipy) {
  const SingleLabels first = texts("first");
  const Calibration calibration = calibrate_single(list<float>(case_, "logits"), first.expected, first.labels);
  EXPECT_NEAR(calibration.plain.log_loss, number(case_, "log_loss"), kSums);
  EXPECT_NEAR(calibration.plain.error, number(case_, "calibration_error"), kSums);
  ASSERT_TRUE(calibration.temperature.has_value());
  EXPECT_NEAR(*calibration.temperature, number(case_, "temperature"), kMinimum * *calibration.temperature);
  EXPECT_NEAR(calibration.tempered.log_loss, number(case_, "tempered_log_loss"), kSums);
  EXPECT_LE(calibration.tempered.log_loss, calibration.plain.log_loss);
  EXPECT_NEAR(calibration.tempered.error, number(case_, "tempered_error"), kMinimum);
}

TEST_P(GoldenSingleLabel, ComparisonIsThatOfStatsmodels) {
  const PairedScores scores = compare(texts("first"), texts("second"));
  EXPECT_EQ(scores.both_right, case_.at("both_right").get<int64_t>());
  EXPECT_EQ(scores.only_first, case_.at("only_first").get<int64_t>());
  EXPECT_EQ(scores.only_second, case_.at("only_second").get<int64_t>());
  EXPECT_NEAR(scores.accuracy.value, number(case_, "difference"), kSums);
  EXPECT_NEAR(scores.macro_f1.value, number(case_, "macro_f1_difference"), kSums);
  EXPECT_DOUBLE_EQ(scores.agreement.value, number(case_, "agreement"));
  EXPECT_NEAR(scores.p_value, number(case_, "p_value"), kSums);
  expect_interval_holds(scores.accuracy);
  expect_interval_holds(scores.macro_f1);
}

INSTANTIATE_TEST_SUITE_P(ManyAndFewTexts, GoldenSingleLabel, testing::Values(0, 1));

MultiLabels several_labels(const Json& one, const char* predicted) {
  return {one.at("labels").get<int32_t>(), list<uint8_t>(one, "expected"), list<uint8_t>(one, predicted),
          list<float>(one, "logits")};
}

TEST(GoldenMultiLabel, ScoresAreThoseOfScikitLearn) {
  const Json one = golden().at("multi_label");
  const MultiLabelScores scores = score(several_labels(one, "predicted"));
  EXPECT_DOUBLE_EQ(scores.exact.value, number(one, "exact"));
  EXPECT_NEAR(scores.micro_f1.value, number(one, "micro_f1"), kSums);
  EXPECT_NEAR(scores.macro_f1.value, number(one, "macro_f1"), kSums);
  expect_interval_holds(scores.micro_f1);
  expect_interval_holds(scores.macro_f1);
  const auto precision = list<double>(one, "average_precision");
  double sum = 0;
  std::size_t next = 0;
  for (std::size_t k = 0; k < scores.labels.size(); ++k) {
    const std::optional<double>& label = scores.label_average_precision[k];
    ASSERT_EQ(label.has_value(), k != one.at("rare").get<std::size_t>()) << k;
    if (!label) continue;
    EXPECT_NEAR(*label, precision[next++], kSums) << k;
    sum += *label;
  }
  ASSERT_TRUE(scores.average_precision.has_value());
  EXPECT_NEAR(scores.average_precision->value, sum / static_cast<double>(next), kSums);
  expect_interval_holds(*scores.average_precision);
}

TEST(GoldenMultiLabel, LabelsAreThoseOfScikitLearn) {
  const Json one = golden().at("multi_label");
  const MultiLabelScores scores = score(several_labels(one, "predicted"));
  for (std::size_t k = 0; k < scores.labels.size(); ++k) {
    EXPECT_EQ(scores.labels[k].expected, one.at("support").at(k).get<int64_t>());
    EXPECT_DOUBLE_EQ(scores.labels[k].precision(), one.at("precision").at(k).get<double>());
    EXPECT_DOUBLE_EQ(scores.labels[k].recall(), one.at("recall").at(k).get<double>());
    EXPECT_NEAR(scores.labels[k].f1(), one.at("f1").at(k).get<double>(), kSums);
  }
}

TEST(GoldenMultiLabel, DifferencesAreThoseOfScikitLearnsFigures) {
  const Json one = golden().at("multi_label");
  const PairedMultiScores scores = compare(several_labels(one, "predicted"), several_labels(one, "second"));
  EXPECT_NEAR(scores.exact.value, number(one, "exact_difference"), kSums);
  EXPECT_NEAR(scores.micro_f1.value, number(one, "micro_f1_difference"), kSums);
  EXPECT_NEAR(scores.macro_f1.value, number(one, "macro_f1_difference"), kSums);
  EXPECT_DOUBLE_EQ(scores.agreement.value, number(one, "agreement"));
  expect_interval_holds(scores.exact);
  expect_interval_holds(scores.micro_f1);
  expect_interval_holds(scores.macro_f1);
}

TEST(GoldenMultiLabel, CalibrationIsThatOfScikitLearnAndScipy) {
  const Json one = golden().at("multi_label");
  const Calibration calibration =
      calibrate_multi(list<float>(one, "logits"), list<uint8_t>(one, "expected"), one.at("labels").get<int32_t>());
  EXPECT_NEAR(calibration.plain.log_loss, number(one, "log_loss"), kSums);
  EXPECT_NEAR(calibration.plain.error, number(one, "calibration_error"), kSums);
  ASSERT_TRUE(calibration.temperature.has_value());
  EXPECT_NEAR(*calibration.temperature, number(one, "temperature"), kMinimum * *calibration.temperature);
  EXPECT_NEAR(calibration.tempered.log_loss, number(one, "tempered_log_loss"), kSums);
  EXPECT_NEAR(calibration.tempered.error, number(one, "tempered_error"), kMinimum);
}

TEST(GoldenRegression, ScoresAreThoseOfScipy) {
  const Json one = golden().at("regression");
  const RegressionScores scores = score(list<double>(one, "expected"), list<double>(one, "predicted"));
  EXPECT_NEAR(scores.mean_squared_error.value, number(one, "mean_squared_error"), kSums);
  EXPECT_NEAR(scores.mean_squared_error.low, one.at("mean_squared_error_interval").at(0).get<double>(), kSums);
  EXPECT_NEAR(scores.mean_squared_error.high, one.at("mean_squared_error_interval").at(1).get<double>(), kSums);
  EXPECT_NEAR(scores.mean_absolute_error.value, number(one, "mean_absolute_error"), kSums);
  EXPECT_NEAR(scores.mean_absolute_error.low, one.at("mean_absolute_error_interval").at(0).get<double>(), kSums);
  EXPECT_NEAR(scores.mean_absolute_error.high, one.at("mean_absolute_error_interval").at(1).get<double>(), kSums);
  ASSERT_TRUE(scores.pearson.has_value());
  EXPECT_NEAR(scores.pearson->value, number(one, "pearson"), kSums);
  EXPECT_NEAR(scores.pearson->low, one.at("pearson_interval").at(0).get<double>(), kSums);
  EXPECT_NEAR(scores.pearson->high, one.at("pearson_interval").at(1).get<double>(), kSums);
  ASSERT_TRUE(scores.spearman.has_value());
  EXPECT_NEAR(scores.spearman->value, number(one, "spearman"), kSums);
  expect_interval_holds(*scores.spearman);
}

TEST(GoldenRegression, DifferencesAreThoseOfScipysFigures) {
  const Json one = golden().at("regression");
  const auto expected = list<double>(one, "expected");
  const auto first = list<double>(one, "predicted");
  const auto second = list<double>(one, "second");
  const std::optional<Score> pearson = pearson_difference(expected, first, second);
  ASSERT_TRUE(pearson.has_value());
  EXPECT_NEAR(pearson->value, number(one, "pearson_difference"), kSums);
  expect_interval_holds(*pearson);
  std::vector<double> of_first, of_second;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    of_first.push_back((first[i] - expected[i]) * (first[i] - expected[i]));
    of_second.push_back((second[i] - expected[i]) * (second[i] - expected[i]));
  }
  const Score squared_error = paired_difference(of_first, of_second);
  EXPECT_NEAR(squared_error.value, number(one, "squared_error_difference"), kSums);
  expect_interval_holds(squared_error);
}

}  // namespace
}  // namespace paceline
