#include "report/ticks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace paceline {
namespace {

using testing::ElementsAre;

std::vector<std::string> labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> out;
  for (const Tick& tick : ticks) out.push_back(tick.label);
  return out;
}

TEST(LinearTicksTest, CountsInNiceSteps) {
  EXPECT_THAT(labels(linear_ticks(0, 90.4, 5)), ElementsAre("0", "20", "40", "60", "80", "100"));
  EXPECT_THAT(labels(linear_ticks(0, 0.31, 5)), ElementsAre("0.0", "0.1", "0.2", "0.3", "0.4"));
  EXPECT_THAT(labels(linear_ticks(0, 4200, 5)), ElementsAre("0", "1,000", "2,000", "3,000", "4,000", "5,000"));
}

TEST(LinearTicksTest, EndsOnTheValueItselfWhereThatIsNice) {
  EXPECT_THAT(labels(linear_ticks(0, 100, 5)), ElementsAre("0", "20", "40", "60", "80", "100"));
  EXPECT_THAT(labels(linear_ticks(-20, 20, 4)), ElementsAre("-20", "-10", "0", "10", "20"));
}

/// The promise of the header over twelve decades: ends outside the range, by less than a step, and a sane number.
TEST(LinearTicksTest, SpansEveryRangeTightly) {
  for (double high = 1.3e-4; high < 1e8; high *= 1.7) {
    const std::vector<Tick> ticks = linear_ticks(0, high, 5);
    const double step = ticks[1].value - ticks[0].value;
    EXPECT_EQ(ticks.front().value, 0) << high;
    EXPECT_GE(ticks.back().value, high * (1 - 1e-9));
    EXPECT_LT(ticks.back().value - high, step * (1 + 1e-9));
    EXPECT_GE(ticks.size(), 3u) << high;
    EXPECT_LE(ticks.size(), 11u) << high;
  }
}

TEST(LinearTicksTest, SurvivesRangesThatAreNone) {
  EXPECT_GE(linear_ticks(3, 3, 5).size(), 2u);
  EXPECT_GE(linear_ticks(0, 0, 5).size(), 2u);
  EXPECT_GE(linear_ticks(0, std::numeric_limits<double>::quiet_NaN(), 5).size(), 2u);
  EXPECT_GE(linear_ticks(0, std::numeric_limits<double>::infinity(), 5).size(), 2u);
  EXPECT_GE(linear_ticks(0, 10, 0).size(), 2u);
}

TEST(LogTicksTest, CountsOneTwoFive) {
  EXPECT_THAT(labels(log_ticks(3, 90, 5)), ElementsAre("2", "5", "10", "20", "50", "100"));
  EXPECT_THAT(labels(log_ticks(0.1, 10, 5)), ElementsAre("0.1", "0.2", "0.5", "1", "2", "5", "10"));
}

TEST(LogTicksTest, KeepsPowersOfTenAloneWhereThereAreMany) {
  EXPECT_THAT(labels(log_ticks(1.5, 80000, 4)), ElementsAre("1", "10", "100", "1,000", "10,000", "100,000"));
}

TEST(LogTicksTest, SpansEveryRange) {
  for (double low = 1.1e-3; low < 1e3; low *= 2.3) {
    for (const double ratio : {1.0, 1.5, 11.0, 4e4}) {
      const std::vector<Tick> ticks = log_ticks(low, low * ratio, 5);
      EXPECT_LE(ticks.front().value, low * (1 + 1e-9));
      EXPECT_GE(ticks.back().value, low * ratio * (1 - 1e-9));
    }
  }
}

TEST(ValueAxisTest, IsLogarithmicOnlyWhereALinearOneWouldHideTheSmallest) {
  EXPECT_FALSE(value_axis(24, 90, 5).scale.log);
  EXPECT_EQ(value_axis(24, 90, 5).scale.low, 0);
  EXPECT_TRUE(value_axis(5, 90, 5).scale.log);
  EXPECT_FALSE(value_axis(0, 90, 5).scale.log);
}

TEST(ScaleTest, PlacesValues) {
  const Scale linear{.low = 10, .high = 30, .log = false};
  EXPECT_DOUBLE_EQ(linear.at(15), 0.25);
  const Scale log{.low = 1, .high = 64, .log = true};
  EXPECT_NEAR(log.at(8), 0.5, 1e-15);
}

}  // namespace
}  // namespace paceline
