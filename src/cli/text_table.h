#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// Rows of cells, a line each: every column as wide as its widest cell, two blanks between. `sides` has a letter for
/// each column, "l" or "r", where its text stands. The last cell of a row is as long as it is and widens no column, so
/// that a row may end with a sentence.
std::string text_table(const std::vector<std::vector<std::string>>& rows, std::string_view sides);

}  // namespace paceline
