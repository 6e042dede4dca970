#include "base/path_json.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "paceline/error.h"
#include "words/utf8.h"

namespace paceline {
namespace {

constexpr const char* kEncoded = "percent_encoded";

std::string encode(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    const bool plain = value > ' ' && value < 0x7F && byte != '%';
    text += plain ? std::string(1, byte) : fmt::format("%{:02X}", value);
  }
  return text;
}

/// Nothing where a % stands before something else than the two digits of a byte that a path may have.
std::optional<std::string> decode(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() < 2 || error != std::errc{} || end != digits.data() + 2 || value == 0) return std::nullopt;
    bytes += static_cast<char>(value);
    i += 2;
  }
  return bytes;
}

}  // namespace

Json path_to_json(const std::filesystem::path& path) {
  const std::string& bytes = path.native();
  if (find_invalid_utf8(bytes) == std::string_view::npos) return bytes;
  return {{kEncoded, encode(bytes)}};
}

std::filesystem::path json_path(const Json& object, std::string_view key, std::string_view where,
                                const std::optional<std::filesystem::path>& fallback) {
  const auto field = object.find(key);
  if (field == object.end() || !field->is_object()) {
    return json_string(object, key, where, fallback ? std::optional(fallback->native()) : std::nullopt);
  }
  const std::optional<std::string> bytes = decode(json_string(*field, kEncoded, where));
  if (bytes) return *bytes;
  throw Error(
      ErrorCode::kCorruptData,
      fmt::format("[{}] {}.{} has a % without the two hexadecimal digits of a byte behind it.", where, key, kEncoded));
}

}  // namespace paceline
