#include "train/label_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {

void check_label_weights(const std::string& given, const std::map<std::string, float>& by_label,
                         const LabelScheme& scheme) {
  if (given.empty()) return;
  if (scheme.type != ProblemType::kSingleLabelClassification) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[finetune] --class-weights was given, and the task is a {}: expected one label a text. "
                            "Leave it out.",
                            problem_type_name(scheme.type)));
  }
  for (const auto& [label, weight] : by_label) {
    if (std::ranges::find(scheme.labels, label) != scheme.labels.end()) continue;
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[finetune] --class-weights names \"{}\". {}", excerpt(label),
                                                         suggestion(label, scheme.labels)));
  }
}

std::vector<float> label_weights(const std::string& given, const std::map<std::string, float>& by_label,
                                 const LabelScheme& scheme, const TrainingSplit& train) {
  check_label_weights(given, by_label, scheme);
  if (given.empty()) return {};
  std::vector<float> weights(scheme.labels.size(), 1.0F);
  if (by_label.empty()) {
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const auto texts = static_cast<double>(std::max<int64_t>(train.label_texts[k], 1));
      weights[k] = static_cast<float>(static_cast<double>(train.texts) / (static_cast<double>(weights.size()) * texts));
    }
    return weights;
  }
  for (const auto& [label, weight] : by_label) {
    const auto found = std::ranges::find(scheme.labels, label);
    weights[static_cast<std::size_t>(found - scheme.labels.begin())] = weight;
  }
  return weights;
}

}  // namespace paceline
