#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace paceline {

/// Foreign text (labels, file names, texts, what an engine said) as it may stand in a message or reach a terminal: one
/// line of valid UTF-8 in which nothing moves the cursor, colours, or turns the direction of writing. What could is
/// shown as its escape: "\n", "\x1b", "\u202e", and "\xff" for a byte that is not UTF-8. Other text stays as it is.
std::string printable(std::string_view text);

/// The same for whole lines: line ends and tabs stay.
std::string printable_lines(std::string_view text);

/// The first character of `text` (not empty), printable, and how many bytes of `text` it is.
struct PrintableCharacter {
  std::string shown;
  std::size_t bytes = 1;
};
PrintableCharacter printable_character(std::string_view text);

}  // namespace paceline
