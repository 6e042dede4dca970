#include "results/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "results/describe.h"
#include "statistics/distributions.h"
#include "statistics/random.h"

namespace paceline {
namespace {

constexpr double kConfidence = 0.95;
constexpr std::size_t kBootstrapFrom = 10;
/// The bounds' Monte Carlo error is then a tenth of the interval's own uncertainty at ten rounds.
constexpr int kResamples = 2000;
constexpr uint64_t kBootstrapSeed = 0x5EED;

double median_in_place(std::vector<double>& values) {
  const std::size_t middle = values.size() / 2;
  const auto upper = values.begin() + static_cast<std::ptrdiff_t>(middle);
  std::nth_element(values.begin(), upper, values.end());
  if (values.size() % 2 == 1) return *upper;
  return (*std::max_element(values.begin(), upper) + *upper) / 2;
}

double mean_log(std::span<const double> values) {
  double sum = 0;
  for (double value : values) sum += std::log(value);
  return sum / static_cast<double>(values.size());
}

/// Around the mean of the logarithms.
double log_squares(std::span<const double> values) {
  const double mean = mean_log(values);
  double squares = 0;
  for (double value : values) squares += (std::log(value) - mean) * (std::log(value) - mean);
  return squares;
}

/// Student t around the mean of the logarithms, widened where need be so that it contains the median.
Estimate estimate_by_student_t(std::span<const double> values, const PooledSpread& spread) {
  const double error = spread.deviation / std::sqrt(static_cast<double>(values.size()));
  const double reach = student_t_quantile(0.5 + kConfidence / 2, spread.degrees) * error;
  const double mean = mean_log(values);
  const double middle = median(values);
  return {middle, std::min(middle, std::exp(mean - reach)), std::max(middle, std::exp(mean + reach))};
}

PooledSpread own_spread(std::span<const double> values) {
  if (values.size() < 2) return {};
  const int degrees = static_cast<int>(values.size()) - 1;
  return {.deviation = std::sqrt(log_squares(values) / degrees), .degrees = degrees};
}

Estimate estimate_by_bootstrap(std::span<const double> values) {
  Random random(kBootstrapSeed);
  std::vector<double> resample(values.size());
  std::vector<double> medians(kResamples);
  for (double& one : medians) {
    for (double& value : resample) value = values[random.below(values.size())];
    one = median_in_place(resample);
  }
  return {median(values), nearest_rank(medians, 0.5 - kConfidence / 2), nearest_rank(medians, 0.5 + kConfidence / 2)};
}

bool contains_one(const Estimate& ratio) { return ratio.low <= 1 && ratio.high >= 1; }

bool medians_agree(const Estimate& ratio) { return std::fabs(ratio.median - 1) <= kSameSpeedMargin; }

}  // namespace

double median(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  return median_in_place(copy);
}

double nearest_rank(std::span<const double> values, double share) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(share * static_cast<double>(sorted.size()) - 1e-9);
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

Estimate estimate(std::span<const double> values) {
  if (values.empty()) return {};
  if (values.size() == 1) return {values[0], values[0], values[0]};
  return values.size() < kBootstrapFrom ? estimate_by_student_t(values, own_spread(values))
                                        : estimate_by_bootstrap(values);
}

Estimate estimate(std::span<const double> values, const PooledSpread& typical) {
  if (values.empty() || typical.degrees < 1 || values.size() >= kBootstrapFrom) return estimate(values);
  const double deviation = std::max(own_spread(values).deviation, typical.deviation);
  return estimate_by_student_t(values, {.deviation = deviation, .degrees = typical.degrees});
}

Estimate estimate_ratio(std::span<const double> numerator, std::span<const double> denominator) {
  std::vector<double> ratios(std::min(numerator.size(), denominator.size()));
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = numerator[i] / denominator[i];
  return estimate(ratios);
}

Lead lead_of(const Estimate& ratio) {
  const bool within_band = ratio.low >= 1 / (1 + kEqualBand) && ratio.high <= 1 + kEqualBand;
  if (contains_one(ratio)) return within_band ? Lead::kEqual : Lead::kUnresolved;
  return within_band && medians_agree(ratio) ? Lead::kEqual : Lead::kFaster;
}

bool interchangeable(const Estimate& ratio) {
  return lead_of(ratio) == Lead::kEqual || (contains_one(ratio) && medians_agree(ratio));
}

PooledSpread pooled_log_spread(std::span<const std::vector<double>> groups) {
  PooledSpread spread;
  double squares = 0;
  for (const std::vector<double>& group : groups) {
    if (group.size() < 2) continue;
    squares += log_squares(group);
    spread.degrees += static_cast<int>(group.size()) - 1;
  }
  if (spread.degrees > 0) spread.deviation = std::sqrt(squares / spread.degrees);
  return spread;
}

bool has_spread(const Estimate& estimate) { return has_interval(estimate) && estimate.high > estimate.low; }

Estimate ratio_of(const Estimate& later, const Estimate& earlier) {
  if (!has_median(later) || !has_median(earlier)) return {};
  Estimate ratio{.median = later.median / earlier.median};
  if (!has_spread(later) || !has_spread(earlier)) return ratio;
  // An interval of few rounds need not contain the median; a distance is never negative.
  const auto distance = [](double high, double low) { return std::max(0.0, std::log(high / low)); };
  const double below = std::hypot(distance(later.median, later.low), distance(earlier.high, earlier.median));
  const double above = std::hypot(distance(later.high, later.median), distance(earlier.median, earlier.low));
  ratio.low = ratio.median * std::exp(-below);
  ratio.high = ratio.median * std::exp(above);
  return ratio;
}

std::string_view change_name(Change change) {
  switch (change) {
    case Change::kFaster:
      return "faster";
    case Change::kSlower:
      return "slower";
    case Change::kUnclear:
      break;
  }
  return "unclear";
}

Change change_of(const Estimate& ratio) {
  if (!has_spread(ratio)) return Change::kUnclear;
  if (ratio.high < 1) return Change::kFaster;
  return ratio.low > 1 ? Change::kSlower : Change::kUnclear;
}

}  // namespace paceline
