#include "words/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paceline {
namespace {

TEST(FormatTest, NumbersHaveSignificantDigits) {
  EXPECT_EQ(format_number(24.06), "24.1");
  EXPECT_EQ(format_number(0.05118), "0.0512");
  EXPECT_EQ(format_number(9.996), "10.0");
  EXPECT_EQ(format_number(999.6), "1,000");
  EXPECT_EQ(format_number(1240.4), "1,240");
  EXPECT_EQ(format_number(-1234567), "-1,234,567");
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(NAN), "-");
  EXPECT_EQ(format_number(INFINITY), "-");
  EXPECT_EQ(format_decimals(INFINITY, 3), "-");
  EXPECT_EQ(format_percent(1e308), "-") << "100 times as much is no number";
}

TEST(FormatTest, NumbersTooSmallForANormalDoubleAreNumbersToo) {
  EXPECT_EQ(format_number(1e-320), "1.00e-320");
  EXPECT_EQ(format_number(-2.4e-11, 2), "-2.4e-11");
  EXPECT_EQ(format_number(1e300), "1.00e+300");
}

TEST(FormatTest, Counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(-110625029), "-110,625,029");
}

TEST(FormatTest, BytesAndDurations) {
  EXPECT_EQ(format_bytes(968'000'000), "968 MB");
  EXPECT_EQ(format_bytes(999'700'000), "1.00 GB");
  EXPECT_EQ(format_bytes(12), "12.0 B");
  EXPECT_EQ(format_duration(3.42), "3.4 s");
  EXPECT_EQ(format_duration(59.97), "1 min 00 s");
  EXPECT_EQ(format_duration(252), "4 min 12 s");
  EXPECT_EQ(format_duration(7500), "2 h 05 min");
  EXPECT_EQ(format_duration(NAN), "-");
  EXPECT_EQ(format_whole_duration(0), "0 s");
  EXPECT_EQ(format_whole_duration(3.42), "4 s");
  EXPECT_EQ(format_whole_duration(59.2), "1 min 00 s");
}

TEST(FormatTest, Ratios) {
  EXPECT_EQ(format_ratio(2.506), "2.51x");
  EXPECT_EQ(format_ratio(0.955), "0.95x");
  EXPECT_EQ(format_ratio(12.44), "12.4x");
}

TEST(FormatTest, WhatIsNotFiniteHasNoDecimals) {
  EXPECT_EQ(decimals_of(INFINITY, 3), 0);
  EXPECT_EQ(decimals_of(NAN, 3), 0);
}

}  // namespace
}  // namespace paceline
