#include "metrics/regression.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "metrics/mean.h"
#include "statistics/distributions.h"
#include "statistics/resampling.h"

namespace paceline {
namespace {

/// Of errors, which are not negative.
Score mean_error(std::span<const double> errors) {
  Score mean = mean_score(errors);
  mean.low = std::max(0.0, mean.low);
  return mean;
}

/// Each pair counted as often as it was `drawn`.
std::optional<double> correlation(std::span<const double> x, std::span<const double> y,
                                  std::span<const uint32_t> drawn) {
  double count = 0;
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    count += drawn[i];
    mean_x += drawn[i] * x[i];
    mean_y += drawn[i] * y[i];
  }
  mean_x /= count;
  mean_y /= count;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += drawn[i] * ((x[i] - mean_x) * (x[i] - mean_x));
    yy += drawn[i] * ((y[i] - mean_y) * (y[i] - mean_y));
    xy += drawn[i] * ((x[i] - mean_x) * (y[i] - mean_y));
  }
  if (xx == 0 || yy == 0) return std::nullopt;
  return std::clamp(xy / std::sqrt(xx) / std::sqrt(yy), -1.0, 1.0);
}

std::optional<double> correlation(std::span<const double> x, std::span<const double> y) {
  return correlation(x, y, std::vector<uint32_t>(x.size(), 1));
}

/// Divided by a power of 2 that leaves none above 1, so that squares of any numbers stay finite. A correlation is the
/// same, to the last bit where no number is tiny.
std::vector<double> scaled(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  int exponent = 0;
  std::frexp(largest, &exponent);
  std::vector<double> small(values.size());
  std::ranges::transform(values, small.begin(), [&](double value) { return std::ldexp(value, -exponent); });
  return small;
}

/// From 1; equal values share the mean of their ranks.
std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double rank = static_cast<double>(first + end + 1) / 2;
    for (; first < end; ++first) ranks[order[first]] = rank;
  }
  return ranks;
}

/// Its inverse hyperbolic tangent is near to normal, with `deviation`.
Score fisher_interval(double r, double deviation) {
  if (std::fabs(r) == 1) return {r, r, r};
  const double z = std::atanh(r);
  return {r, std::tanh(z - kNormal975 * deviation), std::tanh(z + kNormal975 * deviation)};
}

}  // namespace

RegressionScores score(std::span<const double> expected, std::span<const double> predicted) {
  std::vector<double> squared(expected.size());
  std::vector<double> absolute(expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    absolute[i] = std::fabs(predicted[i] - expected[i]);
    squared[i] = absolute[i] * absolute[i];
  }
  RegressionScores scores{.texts = static_cast<int64_t>(expected.size()),
                          .mean_squared_error = mean_error(squared),
                          .mean_absolute_error = mean_error(absolute)};
  if (expected.size() < kFewestForCorrelation) return scores;
  const double free = static_cast<double>(expected.size()) - 3;
  if (const auto r = correlation(scaled(expected), scaled(predicted)))
    scores.pearson = fisher_interval(*r, std::sqrt(1 / free));
  if (const auto r = correlation(ranks_of(expected), ranks_of(predicted))) {
    scores.spearman = fisher_interval(*r, std::sqrt((1 + *r * *r / 2) / free));
  }
  return scores;
}

std::optional<Score> pearson_difference(std::span<const double> expected, std::span<const double> first,
                                        std::span<const double> second) {
  const std::vector<double> wanted = scaled(expected);
  const std::vector<double> one = scaled(first);
  const std::vector<double> other = scaled(second);
  const std::optional<double> of_first = correlation(wanted, one);
  const std::optional<double> of_second = correlation(wanted, other);
  if (!of_first || !of_second) return std::nullopt;
  return bootstrap(*of_second - *of_first, wanted.size(), wanted.size(), [&](std::span<const uint32_t> drawn) {
    // A sample of like values says nothing of either: they count as equal.
    const std::optional<double> a = correlation(wanted, one, drawn);
    const std::optional<double> b = correlation(wanted, other, drawn);
    return a && b ? *b - *a : 0;
  });
}

}  // namespace paceline
