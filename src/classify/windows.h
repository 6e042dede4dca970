#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "classify/text_pipeline.h"

namespace paceline {

/// Encoded texts as sequences of at most `max_length` tokens (0: of any number): those that were not encoded as windows
/// are one each. The tokens cut off stand with the first window of a text. A text without a token gets an error, too.
Sequences split_windows(EncodedTexts texts, int32_t max_length);

std::string_view long_mode_name(LongTextOptions::Mode mode);      ///< "truncate", "window"
std::string_view combine_name(LongTextOptions::Combine combine);  ///< "mean", "max", "first"

/// As plan.json has them, beside other fields: "long", and of windows "stride", "combine", "combine_over"; none of them
/// where there are no options.
void write_long_texts(const std::optional<LongTextOptions>& options, nlohmann::ordered_json& json);
/// Throws Error{corrupt_data}; `where` opens the message.
std::optional<LongTextOptions> read_long_texts(const Json& json, const std::string& where);

}  // namespace paceline
