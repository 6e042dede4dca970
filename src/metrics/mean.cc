#include "metrics/mean.h"

#include <cmath>
#include <numeric>

#include "statistics/distributions.h"

namespace paceline {

Score mean_score(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return {mean, mean, mean};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double reach = student_t_quantile(0.975, n - 1) * std::sqrt(squares / (n - 1) / n);
  return {mean, mean - reach, mean + reach};
}

}  // namespace paceline
