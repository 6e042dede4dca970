#include "words/markup.h"

#include <algorithm>
#include <iterator>

#include "words/printable.h"
#include "words/utf8.h"

namespace paceline {
namespace {

/// Control characters, which XML forbids, too, are not printable.
constexpr std::string_view kForbiddenInXml[] = {"\xEF\xBF\xBE", "\xEF\xBF\xBF"};

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
    const PrintableCharacter character = printable_character(text);
    const std::string_view replaced = entity(text.front());
    const bool forbidden = std::ranges::find(kForbiddenInXml, character.shown) != std::end(kForbiddenInXml);
    out += forbidden ? kReplacementCharacter : replaced.empty() ? character.shown : replaced;
    text.remove_prefix(character.bytes);
  }
  return out;
}

}  // namespace paceline
