#include "results/format_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace paceline {
namespace {

std::string with_thousands(std::string digits) {
  const std::size_t start = digits.starts_with('-') ? 1 : 0;
  std::size_t end = std::min(digits.find('.'), digits.size());
  while (end > start + 3) {
    end -= 3;
    digits.insert(end, 1, ',');
  }
  return digits;
}

/// Decimals that show `digits` significant digits of `value`.
int decimals_of(double value, int digits) {
  if (value == 0) return 0;
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  const int decimals = std::max(0, digits - 1 - magnitude);
  // 9.996 with three digits is 10.0, not 10.00.
  const double rounded = std::stod(fmt::format("{:.{}f}", std::abs(value), decimals));
  const bool carried = rounded >= std::pow(10.0, magnitude + 1);
  return std::max(0, carried ? decimals - 1 : decimals);
}

}  // namespace

std::string format_number(double value, int digits) {
  return std::isfinite(value) ? format_decimals(value, decimals_of(value, digits)) : "-";
}

std::string format_decimals(double value, int decimals) {
  return with_thousands(fmt::format("{:.{}f}", value, decimals));
}

std::string format_count(int64_t value) { return with_thousands(fmt::format("{}", value)); }

bool has_median(const Estimate& estimate) { return std::isfinite(estimate.median) && estimate.median > 0; }

bool has_interval(const Estimate& estimate) {
  return has_median(estimate) && std::isfinite(estimate.high) && estimate.low > 0 && estimate.high >= estimate.low;
}

std::string format_interval(const Estimate& estimate) {
  if (!has_interval(estimate)) return "";
  const int decimals = decimals_of(estimate.median, 3);
  return fmt::format("{} to {}", format_decimals(estimate.low, decimals), format_decimals(estimate.high, decimals));
}

std::string engine_words(const Configuration& configuration) {
  std::string words = configuration.backend + " " + configuration.compute_type;
  if (configuration.device != "cpu") words += " on " + configuration.device;
  return words;
}

std::string engine_words(const BackendResult& backend) {
  return engine_words(
      Configuration{.backend = backend.backend, .compute_type = backend.compute_type, .device = backend.device});
}

}  // namespace paceline
