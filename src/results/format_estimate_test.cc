#include "results/format_estimate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paceline {
namespace {

TEST(FormatEstimate, NumbersHaveSignificantDigits) {
  EXPECT_EQ(format_number(24.06), "24.1");
  EXPECT_EQ(format_number(0.05118), "0.0512");
  EXPECT_EQ(format_number(9.996), "10.0");
  EXPECT_EQ(format_number(999.6), "1,000");
  EXPECT_EQ(format_number(1240.4), "1,240");
  EXPECT_EQ(format_number(-1234567), "-1,234,567");
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(NAN), "-");
  EXPECT_EQ(format_number(INFINITY), "-");
}

TEST(FormatEstimate, Counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(-110625029), "-110,625,029");
}

TEST(FormatEstimate, IntervalsHaveTheMediansDecimals) {
  EXPECT_EQ(format_interval({.median = 24.06, .low = 23.951, .high = 24.249}), "24.0 to 24.2");
  EXPECT_EQ(format_interval({.median = 1200, .low = 1190.4, .high = 1210}), "1,190 to 1,210");
}

TEST(FormatEstimate, WhatWasNotEstimatedIsNotShown) {
  EXPECT_FALSE(has_median({}));
  EXPECT_FALSE(has_median({.median = NAN}));
  EXPECT_EQ(format_interval({.median = 24}), "");
  EXPECT_EQ(format_interval({.median = 24, .low = 20, .high = INFINITY}), "");
  EXPECT_EQ(format_interval({.median = 24, .low = NAN, .high = NAN}), "");
}

}  // namespace
}  // namespace paceline
