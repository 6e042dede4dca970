#pragma once

#include <string_view>

#include "base/enum_names.h"
#include "paceline/token_types.h"

namespace paceline {

/// As flags and files name them.
inline constexpr EnumNames<TokenTypes, 3> kTokenTypeNames{
    {{TokenTypes::kAsSaved, "as-saved"}, {TokenTypes::kYes, "yes"}, {TokenTypes::kNo, "no"}}};

std::string_view token_types_name(TokenTypes types);

/// Throws Error{corrupt_data} for a field "token_types" of another value; `where` opens the message.
TokenTypes parse_token_types(std::string_view name, std::string_view where);

}  // namespace paceline
