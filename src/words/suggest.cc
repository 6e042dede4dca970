#include "words/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "words/printable.h"

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
  constexpr std::string_view kUnclear = ", ;|";
  std::string names;
  for (const std::string& name : known) {
    const char* format = name.find_first_of(kUnclear) == std::string::npos ? "{}{}" : "{}\"{}\"";
    names += fmt::format(fmt::runtime(format), names.empty() ? "" : ", ", name);
  }
  return fmt::format("{}Known: {}{}", question, names, names.ends_with('.') ? "" : ".");
}

std::string excerpt(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const PrintableCharacter character = printable_character(text);
    if (out.size() + character.shown.size() > limit) return out + "...";
    out += character.shown;
    text.remove_prefix(character.bytes);
  }
  return out;
}

}  // namespace paceline
