#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "results/results.h"

namespace paceline {

/// Middle value, or the mean of the two middle ones. `values` not empty.
double median(std::span<const double> values);

/// The smallest value with at least `share` of all values at or below it. `values` not empty, 0 < share <= 1.
double nearest_rank(std::span<const double> values, double share);

/// The number that a Student t variable of `degrees` >= 1 degrees of freedom stays below with `probability`, (0, 1).
double student_t_quantile(double probability, double degrees);

/// Median and 95 % interval of positive numbers, one per round. Below ten: Student t on their logarithms (two rounds
/// say little, and the interval shows it); from ten: percentile bootstrap of the median, seeded. One number has no
/// interval: low = median = high.
Estimate estimate(std::span<const double> values);

/// Standard deviation of the logarithms around their mean, pooled over groups: what one round's figure of a typical
/// cell varies by. Groups below two values say nothing.
struct PooledSpread {
  double deviation = 0;
  int degrees = 0;
};
PooledSpread pooled_log_spread(std::span<const std::vector<double>> groups);

/// estimate() of one of many cells that vary alike. Below ten values their own spread says little (two rounds: the
/// interval of an honest 2 % easily reaches from half to double), so Student t takes the larger of it and the
/// `typical` one, with the degrees of freedom of the latter. Without a typical spread it is estimate(values).
Estimate estimate(std::span<const double> values, const PooledSpread& typical);

/// estimate() of numerator[i] / denominator[i]: both of round i, so that what disturbed a whole round cancels.
Estimate estimate_ratio(std::span<const double> numerator, std::span<const double> denominator);

/// What a ratio of two times says. An interval without 1 tells which is faster, unless all of it lies within
/// kEqualBand and the median within kSameSpeedMargin of 1; one with 1 tells that they are equal where it lies within
/// kEqualBand, else nothing.
Lead lead_of(const Estimate& ratio);

/// A difference of this share is what a choice is made for: an interval that reaches beyond it leaves that open.
inline constexpr double kEqualBand = 0.10;

/// Whether the more modest of two may be chosen instead of the faster: they are equal, or their medians are within
/// kSameSpeedMargin and the interval contains 1.
bool interchangeable(const Estimate& ratio);

/// Two starts of one program differ by up to some 3 % through the placement of their memory and the machine's state,
/// which no interval from within one run can see.
inline constexpr double kSameSpeedMargin = 0.03;

}  // namespace paceline
