#include "words/markup.h"

#include <cstdint>

#include "words/utf8.h"

namespace paceline {
namespace {

bool allowed_in_xml(uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code != 0xFFFE && code != 0xFFFF;
}

std::string_view entity(char character) {
  switch (character) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character is = first_character(text);
    const std::string_view replaced = entity(text.front());
    if (!is.valid || !allowed_in_xml(is.code)) {
      out += kReplacementCharacter;
    } else {
      out += replaced.empty() ? text.substr(0, is.bytes) : replaced;
    }
    text.remove_prefix(is.bytes);
  }
  return out;
}

}  // namespace paceline
