#include "base/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace paceline {
namespace {

/// Levenshtein distance, one row of the table at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

/// Length of the UTF-8 character at the start of `text`, 0 where there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  uint32_t lowest = 0;
  uint32_t code = 0;
  if (lead < 0x80) {
    return 1;
  } else if (lead >= 0xC2 && lead < 0xE0) {
    length = 2, lowest = 0x80, code = lead & 0x1Fu;
  } else if (lead >= 0xE0 && lead < 0xF0) {
    length = 3, lowest = 0x800, code = lead & 0x0Fu;
  } else if (lead >= 0xF0 && lead < 0xF5) {
    length = 4, lowest = 0x10000, code = lead & 0x07u;
  }
  if (length == 0 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) {
      return 0;
    }
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return code < lowest || code > 0x10FFFF || surrogate ? 0 : length;
}

}  // namespace

std::string_view nearest_name(std::string_view given, std::span<const std::string> known) {
  constexpr std::size_t kLongestName = 100;  // bounds the table for hostile input
  std::string_view nearest;
  std::size_t fewest = kLongestName;
  if (given.size() > kLongestName) {
    return nearest;
  }
  for (const std::string& name : known) {
    const std::size_t distance = edit_distance(given, name);
    if (distance < fewest && distance * 3 <= std::max(given.size(), name.size())) {
      fewest = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string suggestion(std::string_view given, std::span<const std::string> known) {
  const std::string_view nearest = nearest_name(given, known);
  const std::string question = nearest.empty() ? "" : fmt::format("Did you mean \"{}\"? ", nearest);
  return fmt::format("{}Known: {}.", question, fmt::join(known, ", "));
}

std::string excerpt(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (out.size() + std::max<std::size_t>(length, 1) > limit) {
      return out + "...";
    }
    const bool printable = length > 1 || (length == 1 && text[i] >= 0x20 && text[i] != 0x7F);
    out.append(printable ? text.substr(i, length) : std::string_view("?"));
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace paceline
