#include "statistics/distributions.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paceline {
namespace {

TEST(Distributions, StudentQuantilesMatchThePublishedTable) {
  // Two-sided 95 % (0.975) and 99 % (0.995) columns of the usual table, three decimals.
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.706, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 2), 4.303, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 5), 2.571, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 9), 2.262, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 30), 2.042, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.995, 4), 4.604, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.95, 10), 1.812, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 1e6), 1.960, 5e-4);
  EXPECT_NEAR(student_t_quantile(0.025, 5), -2.571, 5e-4);
}

TEST(Distributions, FairCoinsMatchTheirSums) {
  EXPECT_EQ(fair_binomial_probability(5, 5), 1);
  EXPECT_EQ(fair_binomial_probability(0, 0), 1);
  EXPECT_NEAR(fair_binomial_probability(0, 10), std::ldexp(1, -10), 1e-16);
  EXPECT_NEAR(fair_binomial_probability(2, 4), (1 + 4 + 6) / 16.0, 1e-14);
  // By symmetry, P(at most n) of 2n + 1 is 1/2. Three logarithms of the gamma function near 1e7, each within some
  // units in the last place (2e-9), stand in the exponent.
  EXPECT_NEAR(fair_binomial_probability(500'000, 1'000'001), 0.5, 1e-8);
}

}  // namespace
}  // namespace paceline
