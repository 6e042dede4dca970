#include "base/token_types_name.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {

std::string_view token_types_name(TokenTypes types) { return name_of(types, kTokenTypeNames); }

TokenTypes parse_token_types(std::string_view name, std::string_view where) {
  std::vector<std::string> known;
  for (const auto& [types, text] : kTokenTypeNames) {
    if (text == name) return types;
    known.emplace_back(text);
  }
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] \"token_types\" is \"{}\", which is not known. {}", where,
                                                   excerpt(name), suggestion(name, known)));
}

}  // namespace paceline
