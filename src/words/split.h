#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// What stands between the separators, empty parts included: "a..b" at '.' is "a", "", "b".
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace paceline
