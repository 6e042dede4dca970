#pragma once

#include "base/enum_names.h"
#include "paceline/classifier.h"

namespace paceline {

/// How long texts are read, as flags and files name it.
inline constexpr EnumNames<LongTextOptions::Mode, 2> kLongModeNames{
    {{LongTextOptions::Mode::kTruncate, "truncate"}, {LongTextOptions::Mode::kWindow, "window"}}};

}  // namespace paceline
