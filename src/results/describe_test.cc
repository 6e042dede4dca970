#include "results/describe.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paceline {
namespace {

TEST(DescribeTest, IntervalsHaveTheMediansDecimals) {
  EXPECT_EQ(format_interval({.median = 24.06, .low = 23.951, .high = 24.249}), "24.0 to 24.2");
  EXPECT_EQ(format_interval({.median = 1200, .low = 1190.4, .high = 1210}), "1,190 to 1,210");
  EXPECT_EQ(format_interval({.median = 2.4e-300, .low = 2e-300, .high = 3e-300}), "2.00e-300 to 3.00e-300");
}

TEST(DescribeTest, WhatWasNotEstimatedIsNotShown) {
  EXPECT_FALSE(has_median({}));
  EXPECT_FALSE(has_median({.median = NAN}));
  EXPECT_EQ(format_interval({.median = 24}), "");
  EXPECT_EQ(format_interval({.median = 24, .low = 20, .high = INFINITY}), "");
  EXPECT_EQ(format_interval({.median = 24, .low = NAN, .high = NAN}), "");
}

TEST(DescribeTest, AnIntervalStandsBehindItsMedian) {
  EXPECT_EQ(interval_in_brackets({.median = 24.06, .low = 23.951, .high = 24.249}), " (24.0 to 24.2)");
  EXPECT_EQ(interval_in_brackets({.median = 24}), "");
}

TEST(DescribeTest, FiguresOfAMetric) {
  EXPECT_EQ(metric_score(Metric::kAccuracy, {0.912, 0.899, 0.9243}), "91.2 % (95 % interval 89.9 to 92.4 %)");
  EXPECT_EQ(metric_score(Metric::kMicroF1, {0.8712, 0.86, 0.88}), "0.871 (95 % interval 0.860 to 0.880)");
  EXPECT_EQ(metric_change(Metric::kAccuracy, {-0.001, -0.003, 0.001}), "-0.10 points (95 % interval -0.30 to +0.10)");
  EXPECT_EQ(metric_change(Metric::kPearson, {0.001, -0.003, 0.005}), "+0.0010 (95 % interval -0.0030 to +0.0050)");
  EXPECT_EQ(metric_amount(Metric::kAccuracy, 0.005), "0.50 points");
}

TEST(DescribeTest, ConfigurationsInWords) {
  Configuration configuration{.backend = "native", .batch_size = 64, .order = Order::kLength};
  EXPECT_EQ(configuration_words(configuration), "native fp32, batch size 64, sorted by length");
  configuration = {.backend = "native", .device = "cuda:0", .max_batch_tokens = 16384, .threads = 2, .instances = 4};
  EXPECT_EQ(configuration_words(configuration),
            "native fp32 on cuda:0, at most 16,384 tokens a batch, texts as given, 4 instances of 2 threads");
}

TEST(DescribeTest, WhatMayDecideIsTheFirstThatOneOfTheTwoLacks) {
  BenchResults few, many;
  few.workload.texts = few.workload.texts_available = 100;
  many.workload.texts = 1000;
  many.workload.texts_available = 5000;
  CellResult budget, texts, none;
  texts.limit = ConfirmationLimit::kTexts;
  none.limit = ConfirmationLimit::kNone;
  EXPECT_EQ(deciding_words(many, none, budget), "A larger --budget or a quieter machine may decide.");
  EXPECT_EQ(deciding_words(many, texts, none), "A larger --texts or a quieter machine may decide.");
  EXPECT_EQ(deciding_words(few, none, texts), "More texts than this file has, or a quieter machine may decide.");
  EXPECT_EQ(deciding_words(many, none, none),
            "Only a quieter machine may decide: both had as many rounds and texts as bench measures.");
}

}  // namespace
}  // namespace paceline
