#include "words/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace paceline {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

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

struct Step {
  std::size_t bytes;  ///< of the character, or of the ill-formed part
  bool valid;
};

/// The character at the start of `text`, which has at least one byte.
Step decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {1, true};
  const Lead lead = lead_of(byte(0));
  if (lead.length == 0) return {1, false};
  for (std::size_t i = 1; i < lead.length; ++i) {
    const uint8_t low = i == 1 ? lead.low : 0x80;
    const uint8_t high = i == 1 ? lead.high : 0xBF;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
  }
  return {lead.length, true};
}

/// Whether the eight bytes at `data` are all ASCII.
bool ascii_block(const char* data) {
  uint64_t block;
  std::memcpy(&block, data, sizeof block);
  return (block & 0x8080808080808080U) == 0;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (text.size() - i >= sizeof(uint64_t) && ascii_block(text.data() + i)) {
      i += sizeof(uint64_t);
      continue;
    }
    const Step step = decode(text.substr(i));
    if (!step.valid) return i;
    i += step.bytes;
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
      out.append(kReplacement);
      text.remove_prefix(decode(text).bytes);
    }
  }
  return out;
}

}  // namespace paceline
