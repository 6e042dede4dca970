#include "evaluate/label_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

#include "words/split.h"
#include "words/trimmed.h"

namespace paceline {

std::optional<double> label_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<char> label_separator(std::string_view field) {
  for (const char separator : {'|', ';', ','}) {
    if (field.find(separator) != std::string_view::npos) return separator;
  }
  return std::nullopt;
}

Json divided_labels(std::string_view field) {
  Json names = Json::array();
  Json numbers = Json::array();
  for (const std::string& part : split(field, label_separator(field).value_or('|'))) {
    const std::string_view name = trimmed(part);
    if (name.empty()) continue;
    names.push_back(name);
    const std::optional<double> number = label_number(name);
    if (!number || (*number != 0 && *number != 1)) continue;
    const bool whole = name.find('.') == std::string_view::npos;
    numbers.push_back(whole ? Json(static_cast<int64_t>(*number)) : Json(*number));
  }
  return names.size() > 1 && numbers.size() == names.size() ? numbers : names;
}

bool is_zero_or_one(const Json& value) {
  return value.is_boolean() || (value.is_number() && (value.get<double>() == 0 || value.get<double>() == 1));
}

}  // namespace paceline
