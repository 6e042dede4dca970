#include "cli/text_table.h"

#include <algorithm>
#include <cstddef>

#include "words/wrap.h"

namespace paceline {
namespace {

std::vector<int> column_widths(const std::vector<std::vector<std::string>>& rows, std::size_t columns) {
  std::vector<int> widths(columns);
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], text_columns(row[i]));
  }
  return widths;
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& rows, std::string_view sides) {
  const std::vector<int> widths = column_widths(rows, sides.size());
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const int room = std::max(0, widths[i] - text_columns(row[i]));
      const std::string blanks(static_cast<std::size_t>(room), ' ');
      if (sides[i] == 'r') out += blanks;
      out += row[i];
      if (i + 1 < row.size()) out += (sides[i] == 'r' ? "" : blanks) + "  ";
    }
    out += '\n';
  }
  return out;
}

}  // namespace paceline
