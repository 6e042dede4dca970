#pragma once

#include <string>
#include <string_view>

namespace paceline {

/// Text that may stand in HTML and SVG, in content and in quoted attributes: printable (words/printable.h), with markup
/// escaped. U+FFFE and U+FFFF, which XML forbids, become U+FFFD.
std::string escape_markup(std::string_view text);

}  // namespace paceline
