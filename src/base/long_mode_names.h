#pragma once

#include "base/enum_names.h"
#include "paceline/classifier.h"

namespace paceline {

/// How long texts are read, as flags and files name it.
inline constexpr EnumNames<LongTextOptions::Mode, 2> kLongModeNames{
    {{LongTextOptions::Mode::kTruncate, "truncate"}, {LongTextOptions::Mode::kWindow, "window"}}};
inline constexpr EnumNames<LongTextOptions::Combine, 3> kCombineNames = {{{LongTextOptions::Combine::kMean, "mean"},
                                                                          {LongTextOptions::Combine::kMax, "max"},
                                                                          {LongTextOptions::Combine::kFirst, "first"}}};
inline constexpr EnumNames<bool, 2> kCombineOverNames = {{{false, "probabilities"}, {true, "logits"}}};

}  // namespace paceline
