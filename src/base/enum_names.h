#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace paceline {

/// Names of an enum's values, as flags and files spell them.
template <class Enum, std::size_t N>
using EnumNames = std::array<std::pair<Enum, std::string_view>, N>;

/// The name of a value; empty for one that the table does not have.
template <class Enum, std::size_t N>
constexpr std::string_view name_of(Enum value, const EnumNames<Enum, N>& names) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return {};
}

}  // namespace paceline
