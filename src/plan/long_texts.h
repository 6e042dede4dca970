#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "paceline/classifier.h"

namespace paceline {

std::string_view long_mode_name(LongTextOptions::Mode mode);      ///< "truncate", "window"
std::string_view combine_name(LongTextOptions::Combine combine);  ///< "mean", "max", "first"

/// As plan.json has them, beside other fields: "long", and of windows "stride", "combine", "combine_over"; none of them
/// where there are no options.
void write_long_texts(const std::optional<LongTextOptions>& options, nlohmann::ordered_json& json);
/// Throws Error{corrupt_data}; `where` opens the message.
std::optional<LongTextOptions> read_long_texts(const Json& json, const std::string& where);

}  // namespace paceline
