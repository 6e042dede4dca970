#pragma once

#include <string_view>

#include "paceline/token_types.h"

namespace paceline {

/// "as-saved", "yes" or "no": as flags and files name them.
std::string_view token_types_name(TokenTypes types);

/// Throws Error{corrupt_data} for a field "token_types" of another value; `where` opens the message.
TokenTypes parse_token_types(std::string_view name, std::string_view where);

}  // namespace paceline
