#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// Columns that a UTF-8 text takes on a terminal: its characters, each taken as one column wide.
int text_columns(std::string_view text);

/// Lines of at most `width` columns, broken at blanks; a longer word stands alone and sticks out.
std::vector<std::string> wrap(std::string_view text, int width);

}  // namespace paceline
