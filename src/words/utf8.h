#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace paceline {

/// The first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates,
/// nothing above U+10FFFF), or std::string_view::npos.
std::size_t find_invalid_utf8(std::string_view text);

/// `text` with each ill-formed part replaced by one U+FFFD ("maximal subparts", as browsers and Python do it).
std::string replace_invalid_utf8(std::string_view text);

}  // namespace paceline
