#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace paceline {

inline constexpr int64_t kMostLabels = 100'000;  // the largest published label sets have some ten thousand

/// The labels of a classification head, in the order of its outputs: config.json's id2label, else LABEL_0, LABEL_1, ...
/// for num_labels, else the two that transformers assumes.
/// Throws Error{corrupt_data}: ids that are not 0 to K - 1, or a num_labels that contradicts id2label.
std::vector<std::string> read_labels(const Json& config, std::string_view where);

}  // namespace paceline
