#pragma once

#include <string>
#include <string_view>

namespace paceline {

/// Text that may stand in HTML and SVG, in content and in quoted attributes: markup escaped, and ill-formed UTF-8 and
/// characters that XML forbids replaced by U+FFFD.
std::string escape_markup(std::string_view text);

}  // namespace paceline
