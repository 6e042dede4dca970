#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "classify/text_pipeline.h"

namespace paceline {

/// Encodings of TokenizerOptions::windows as sequences of at most `max_length` tokens. The tokens cut off stand with
/// the first window of a text.
Sequences split_windows(std::vector<Encoding> encodings, int32_t max_length);

std::string_view long_mode_name(LongTextOptions::Mode mode);      ///< "truncate", "window"
std::string_view combine_name(LongTextOptions::Combine combine);  ///< "mean", "max", "first"
/// Throw Error{corrupt_data} for any other name; `where` opens the message.
LongTextOptions::Mode find_long_mode(std::string_view name, std::string_view where);
LongTextOptions::Combine find_combine(std::string_view name, std::string_view where);

}  // namespace paceline
