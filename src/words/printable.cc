#include "words/printable.h"

#include <fmt/format.h>

#include <cstdint>

#include "words/utf8.h"

namespace paceline {
namespace {

/// C0, DEL and C1 control a terminal; the others end a line, or turn the direction in which what follows is written.
bool is_hostile(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x061C || (code >= 0x200E && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

std::string escape(uint32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
  }
}

std::string shown(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character is = first_character(text);
    if (is.valid && (!is_hostile(is.code) || kept.find(text.front()) != std::string_view::npos)) {
      out += text.substr(0, is.bytes);
      text.remove_prefix(is.bytes);
    } else {
      const PrintableCharacter character = printable_character(text);
      out += character.shown;
      text.remove_prefix(character.bytes);
    }
  }
  return out;
}

}  // namespace

PrintableCharacter printable_character(std::string_view text) {
  const Utf8Character is = first_character(text);
  if (!is.valid) {
    return {.shown = fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front())), .bytes = 1};
  }
  return {.shown = is_hostile(is.code) ? escape(is.code) : std::string(text.substr(0, is.bytes)), .bytes = is.bytes};
}

std::string printable(std::string_view text) { return shown(text, {}); }

std::string printable_lines(std::string_view text) { return shown(text, "\n\t"); }

}  // namespace paceline
