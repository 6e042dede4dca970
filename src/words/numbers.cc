#include "words/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string_view>

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

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 59.95) return fmt::format("{:.0f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace

bool is_plain(double value) {
  constexpr double kSmallest = 1e-9;
  constexpr double kLargest = 1e15;
  const double size = std::abs(value);
  return value == 0 || (size >= kSmallest && size < kLargest) || !std::isfinite(value);
}

int decimals_of(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  const int decimals = std::max(0, digits - 1 - magnitude);
  // 9.996 with three digits is 10.0, not 10.00.
  // stod() refuses what is too small for a normal double.
  const double rounded = std::strtod(fmt::format("{:.{}f}", std::abs(value), decimals).c_str(), nullptr);
  const bool carried = rounded >= std::pow(10.0, magnitude + 1);
  return std::max(0, carried ? decimals - 1 : decimals);
}

std::string format_number(double value, int digits) {
  if (!is_plain(value)) return fmt::format("{:.{}e}", value, digits - 1);
  return format_decimals(value, decimals_of(value, digits));
}

std::string format_decimals(double value, int decimals) {
  return std::isfinite(value) ? with_thousands(fmt::format("{:.{}f}", value, decimals)) : "-";
}

std::string format_count(int64_t value) { return with_thousands(fmt::format("{}", value)); }

std::string format_percent(double share, int decimals) {
  const double percent = 100 * share;
  return std::isfinite(percent) ? fmt::format("{:.{}f} %", percent, decimals) : "-";
}

std::string format_bytes(int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{} {}", format_number(value), kUnits[unit]);
}

std::string format_duration(double seconds) {
  if (std::isfinite(seconds) && seconds < 10) return format_number(seconds, 2) + " s";
  return duration_text(seconds);
}

std::string format_whole_duration(double seconds) { return duration_text(std::ceil(seconds)); }

std::string format_difference(double value) { return value == 0 ? "0" : fmt::format("{:.1e}", value); }

std::string format_ratio(double ratio) {
  if (!std::isfinite(ratio)) return "-";
  return (ratio < 10 ? format_decimals(ratio, 2) : format_number(ratio)) + "x";
}

}  // namespace paceline
