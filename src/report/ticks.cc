#include "report/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "words/numbers.h"

namespace paceline {
namespace {

/// Below this ratio of largest to smallest a linear axis from zero shows both; above it the smallest would be a sliver.
constexpr double kLogRatio = 10;

/// Steps that a reader counts in without thinking.
constexpr std::array<double, 3> kNice = {1, 2, 5};

double nice_step(double raw) {
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double step : kNice) {
    if (raw <= step * power * (1 + 1e-9)) return step * power;
  }
  return 10 * power;
}

/// With the decimals that the value's own power of ten needs.
std::vector<Tick> labelled(const std::vector<double>& values) {
  std::vector<Tick> ticks;
  for (const double value : values) {
    const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(value) + 1e-9)));
    ticks.push_back({value, format_decimals(value, decimals)});
  }
  return ticks;
}

}  // namespace

double Scale::at(double value) const {
  if (log) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

std::vector<Tick> linear_ticks(double low, double high, int wanted) {
  if (!std::isfinite(low) || !std::isfinite(high)) return linear_ticks(0, 1, wanted);
  if (high <= low) high = low + std::max(1.0, std::abs(low));
  const double step = nice_step((high - low) / std::max(1, wanted));
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  std::vector<Tick> ticks;
  for (double i = first; i <= last; ++i) {
    ticks.push_back({i * step, format_decimals(i * step, decimals)});
  }
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high, int wanted) {
  std::vector<double> all, powers;
  // From the last nice value at or below `low` to the first at or above `high`; the tolerance forgives rounding.
  const double end = std::ceil(std::log10(high) - 1e-9);
  for (double exponent = std::floor(std::log10(low) + 1e-9); exponent <= end; ++exponent) {
    const double power = std::pow(10.0, exponent);
    powers.push_back(power);
    for (const double step : kNice) all.push_back(step * power);
  }
  const auto above_low = [&](double value) { return value > low * (1 + 1e-9); };
  const auto reaches_high = [&](double value) { return value >= high * (1 - 1e-9); };
  const auto last = std::ranges::find_if(all, reaches_high);
  if (last != all.end()) all.erase(last + 1, all.end());
  const auto first = std::ranges::find_if(all, above_low);
  if (first != all.begin()) all.erase(all.begin(), first - 1);
  return labelled(all.size() > 2 * static_cast<std::size_t>(std::max(1, wanted)) && powers.size() > 2 ? powers : all);
}

ValueAxis value_axis(double smallest, double largest, int wanted) {
  ValueAxis axis;
  axis.scale.log = smallest > 0 && std::isfinite(largest) && largest > kLogRatio * smallest;
  axis.ticks = axis.scale.log ? log_ticks(smallest, largest, wanted) : linear_ticks(0, largest, wanted);
  axis.scale.low = axis.ticks.front().value;
  axis.scale.high = axis.ticks.back().value;
  return axis;
}

}  // namespace paceline
