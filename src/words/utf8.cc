#include "words/utf8.h"

#include <algorithm>
#include <cstring>

namespace paceline {
namespace {

/// Bytes of the character that a lead byte opens, and the range of the byte after it; 0 for no lead byte.
struct Lead {
  std::size_t length;
  uint8_t low;
  uint8_t high;
};

Lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// Whether the eight bytes at `data` are all ASCII.
bool ascii_block(const char* data) {
  uint64_t block;
  std::memcpy(&block, data, sizeof block);
  return (block & 0x8080808080808080U) == 0;
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {.bytes = 1, .code = byte(0), .valid = true};
  const Lead lead = lead_of(byte(0));
  if (lead.length == 0) return {.bytes = 1};
  uint32_t code = byte(0) & (0xFFU >> (lead.length + 1));
  for (std::size_t i = 1; i < lead.length; ++i) {
    const uint8_t low = i == 1 ? lead.low : 0x80;
    const uint8_t high = i == 1 ? lead.high : 0xBF;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {.bytes = i};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {.bytes = lead.length, .code = code, .valid = true};
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues_character(byte); }));
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (text.size() - i >= sizeof(uint64_t) && ascii_block(text.data() + i)) {
      i += sizeof(uint64_t);
      continue;
    }
    const Utf8Character is = first_character(text.substr(i));
    if (!is.valid) return i;
    i += is.bytes;
  }
  return std::string_view::npos;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = std::min(find_invalid_utf8(text), text.size());
    out.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (!text.empty()) {
      out.append(kReplacementCharacter);
      text.remove_prefix(first_character(text).bytes);
    }
  }
  return out;
}

}  // namespace paceline
