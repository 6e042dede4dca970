#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"

namespace paceline {

/// How a label column is read, whether the labels are a model's or those that a new head learns.

/// A finite number and nothing else, blanks neither.
std::optional<double> label_number(std::string_view text);

/// What stands between the labels of a field that has several: | or ; or a comma, the first of these that it has; none
/// in a field with one label.
std::optional<char> label_separator(std::string_view field);

/// The labels of a field between its separators, as a list of JSON: numbers where all of several are 0 or 1, which say
/// of each label whether the text has it, else strings without blanks around them. What is empty between two separators
/// is no label.
Json divided_labels(std::string_view field);

/// Whether it says of a label that the text has it or not: true, false, 0 or 1.
bool is_zero_or_one(const Json& value);

}  // namespace paceline
