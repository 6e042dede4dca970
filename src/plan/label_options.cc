#include "plan/label_options.h"

#include <fmt/format.h>

#include <map>
#include <string_view>

#include "paceline/error.h"

namespace paceline {
namespace {

[[noreturn]] void refuse(const std::string& where, const char* key, std::string_view what) {
  throw Error{ErrorCode::kCorruptData,
              fmt::format("[{}] {} {}. Run paceline bench again to write a plan.", where, key, what)};
}

std::map<std::string, float> read_numbers_by_label(const Json& json, const char* key, const std::string& where) {
  std::map<std::string, float> numbers;
  const auto found = json.find(key);
  if (found == json.end()) return numbers;
  if (!found->is_object()) refuse(where, key, "is not an object");
  for (const auto& [label, value] : found->items()) {
    if (!value.is_number()) refuse(where, key, "has something else than a number");
    numbers[label] = value.get<float>();
  }
  return numbers;
}

}  // namespace

void write_label_options(const LabelOptions& options, nlohmann::ordered_json& json) {
  if (options.threshold) json["threshold"] = *options.threshold;
  if (!options.label_thresholds.empty()) json["label_thresholds"] = options.label_thresholds;
  if (!options.class_weights.empty()) json["class_weights"] = options.class_weights;
}

LabelOptions read_label_options(const Json& json, const std::string& where) {
  LabelOptions options;
  if (json.contains("threshold")) options.threshold = static_cast<float>(json_number(json, "threshold", where, 0, 1));
  options.label_thresholds = read_numbers_by_label(json, "label_thresholds", where);
  options.class_weights = read_numbers_by_label(json, "class_weights", where);
  return options;
}

}  // namespace paceline
