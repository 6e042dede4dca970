#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace paceline {

/// U+FFFD, which stands for what is not UTF-8.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// What stands at the start of a text.
struct Utf8Character {
  std::size_t bytes = 1;  ///< of the character, or of the ill-formed part
  uint32_t code = 0;
  bool valid = false;  ///< well-formed: no overlong form, no surrogate, nothing above U+10FFFF
};
/// `text` has at least one byte.
Utf8Character first_character(std::string_view text);

/// Whether a byte is within a character, not at its start.
constexpr bool continues_character(char byte) { return (byte & 0xC0) == 0x80; }

/// Characters of well-formed UTF-8.
std::size_t count_characters(std::string_view text);

/// The first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates,
/// nothing above U+10FFFF), or std::string_view::npos.
std::size_t find_invalid_utf8(std::string_view text);

/// `text` with each ill-formed part replaced by one U+FFFD ("maximal subparts", as browsers and Python do it).
std::string replace_invalid_utf8(std::string_view text);

}  // namespace paceline
