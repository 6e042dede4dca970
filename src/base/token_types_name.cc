#include "base/token_types_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::array<std::pair<TokenTypes, std::string_view>, 3> kNames{
    {{TokenTypes::kAsSaved, "as-saved"}, {TokenTypes::kYes, "yes"}, {TokenTypes::kNo, "no"}}};

}  // namespace

std::string_view token_types_name(TokenTypes types) {
  const auto* const found =
      std::find_if(kNames.begin(), kNames.end(), [&](const auto& name) { return name.first == types; });
  return found == kNames.end() ? "unknown" : found->second;
}

TokenTypes parse_token_types(std::string_view name, std::string_view where) {
  std::vector<std::string> known;
  for (const auto& [types, text] : kNames) {
    if (text == name) return types;
    known.emplace_back(text);
  }
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] \"token_types\" is \"{}\", which is not known. {}", where,
                                                   excerpt(name), suggestion(name, known)));
}

}  // namespace paceline
