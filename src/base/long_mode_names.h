#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "paceline/classifier.h"

namespace paceline {

/// How long texts are read, as flags and files name it.
inline constexpr std::array<std::pair<LongTextOptions::Mode, std::string_view>, 2> kLongModeNames{
    {{LongTextOptions::Mode::kTruncate, "truncate"}, {LongTextOptions::Mode::kWindow, "window"}}};

}  // namespace paceline
