#pragma once

#include <cstdint>

namespace paceline {

/// Probability that a beta variable with shapes a, b > 0 is at most x.
double incomplete_beta(double a, double b, double x);

/// The number that a Student t variable of `degrees` >= 1 degrees of freedom stays below with `probability`, (0, 1).
double student_t_quantile(double probability, double degrees);

/// The number that a standard normal variable stays below with 97.5 %: half the width of a 95 % interval.
inline constexpr double kNormal975 = 1.959963984540054;

/// Probability of at most `hits` of `trials` where each comes with 1/2. 0 <= hits <= trials.
double fair_binomial_probability(int64_t hits, int64_t trials);

}  // namespace paceline
