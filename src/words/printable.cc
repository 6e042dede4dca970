#include "words/printable.h"

#include <fmt/format.h>

#include <cstdint>

namespace paceline {
namespace {

struct Character {
  std::size_t bytes = 0;  ///< 0: no UTF-8
  uint32_t code = 0;
};

/// What stands at the start of `text`: never an overlong form, a surrogate or a number beyond Unicode.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {.bytes = 1, .code = lead};
  Character is;
  uint32_t lowest = 0;
  if (lead >= 0xC2 && lead < 0xE0) {
    is = {.bytes = 2, .code = lead & 0x1Fu};
    lowest = 0x80;
  } else if (lead >= 0xE0 && lead < 0xF0) {
    is = {.bytes = 3, .code = lead & 0x0Fu};
    lowest = 0x800;
  } else if (lead >= 0xF0 && lead < 0xF5) {
    is = {.bytes = 4, .code = lead & 0x07u};
    lowest = 0x10000;
  }
  if (is.bytes == 0 || text.size() < is.bytes) return {};
  for (std::size_t i = 1; i < is.bytes; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return {};
    is.code = is.code << 6 | (byte(i) & 0x3Fu);
  }
  const bool surrogate = is.code >= 0xD800 && is.code < 0xE000;
  return is.code < lowest || is.code > 0x10FFFF || surrogate ? Character{} : is;
}

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
    const Character is = first_character(text);
    if (is.bytes > 0 && (!is_hostile(is.code) || kept.find(text.front()) != std::string_view::npos)) {
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
  const Character is = first_character(text);
  if (is.bytes == 0) {
    return {.shown = fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front())), .bytes = 1};
  }
  return {.shown = is_hostile(is.code) ? escape(is.code) : std::string(text.substr(0, is.bytes)), .bytes = is.bytes};
}

std::string printable(std::string_view text) { return shown(text, {}); }

std::string printable_lines(std::string_view text) { return shown(text, "\n\t"); }

}  // namespace paceline
