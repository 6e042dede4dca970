#include "report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace paceline {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the UTF-8 sequence at the front of `text` when it is well formed and allowed in XML, else 0.
std::size_t valid_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  uint32_t code = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  const bool forbidden = code == 0xFFFE || code == 0xFFFF;
  return code < kSmallest[length] || code > 0x10FFFF || surrogate || forbidden ? 0 : length;
}

std::string_view entity(char character) {
  switch (character) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string format_percent(double share, int decimals) {
  return std::isfinite(share) ? fmt::format("{:.{}f} %", 100 * share, decimals) : "-";
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
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 59.95)
    return fmt::format("{} s", seconds < 10 ? format_number(seconds, 2) : fmt::format("{:.0f}", seconds));
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string format_difference(double value) { return value == 0 ? "0" : fmt::format("{:.1e}", value); }

std::string format_ratio(double ratio) {
  if (!std::isfinite(ratio)) return "-";
  return (ratio < 10 ? format_decimals(ratio, 2) : format_number(ratio)) + "x";
}

std::string_view order_words(Order order) { return order == Order::kLength ? "sorted by length" : "as given"; }

std::string batch_words(const Configuration& configuration) {
  if (configuration.batch_size > 0) return format_count(configuration.batch_size);
  return format_count(configuration.max_batch_tokens) + " tokens";
}

std::string configuration_words(const Configuration& configuration) {
  return fmt::format("{}, {} {}, {}", engine_words(configuration),
                     configuration.batch_size > 0 ? "batch" : "batches of up to", batch_words(configuration),
                     order_words(configuration.order));
}

std::string escape_markup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = valid_sequence(text);
    if (length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    const std::string_view replaced = entity(text.front());
    out += replaced.empty() ? text.substr(0, length) : replaced;
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace paceline
