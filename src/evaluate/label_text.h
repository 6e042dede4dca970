#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"

namespace paceline {

/// How a label column is read, whether the labels are a model's or those that a new head learns.

/// A finite number and nothing else, blanks neither.
std::optional<double> label_number(std::string_view text);

/// Whether it says of a label that the text has it or not: true, false, 0 or 1.
bool is_zero_or_one(const Json& value);

}  // namespace paceline
