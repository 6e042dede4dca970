#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "results/results.h"

namespace paceline {

/// Middle value, or the mean of the two middle ones. `values` not empty.
double median(std::span<const double> values);

/// The smallest value with at least `share` of all values at or below it. `values` not empty, 0 < share <= 1.
double nearest_rank(std::span<const double> values, double share);

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

/// Whether an interval says something: one round's has no width.
bool has_spread(const Estimate& estimate);

/// later / earlier of two times that were measured independently of each other, with its 95 % interval.
///
/// On the logarithmic scale, where intervals of times are nearly symmetric, the ratio is a difference. With the
/// distances d from each median to the ends of its own interval, its ends are (the method of variance estimates
/// recovery)
///   log ratio - sqrt(d_low(later)^2 + d_high(earlier)^2),  log ratio + sqrt(d_high(later)^2 + d_low(earlier)^2)
/// For symmetric intervals that is the usual root of the sum of squares: two of +-2 % give one of +-2.8 %.
/// Where one of the two has no interval there is none (low = high = 0).
Estimate ratio_of(const Estimate& later, const Estimate& earlier);

/// What a ratio of times says.
enum class Change {
  kFaster,   ///< all of its interval is below 1
  kSlower,   ///< all of it is above 1
  kUnclear,  ///< it contains 1, or there is none
};
std::string_view change_name(Change change);  ///< "faster", "slower", "unclear"
Change change_of(const Estimate& ratio);

}  // namespace paceline
