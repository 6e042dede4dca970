#include "evaluate/label_text.h"

#include <charconv>
#include <cmath>

namespace paceline {

std::optional<double> label_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_zero_or_one(const Json& value) {
  return value.is_boolean() || (value.is_number() && (value.get<double>() == 0 || value.get<double>() == 1));
}

}  // namespace paceline
