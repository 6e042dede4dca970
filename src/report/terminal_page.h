#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// Styles of a line where colours are allowed.
inline constexpr std::string_view kBold = "\x1b[1m";
inline constexpr std::string_view kGreen = "\x1b[1;32m";
inline constexpr std::string_view kRed = "\x1b[31m";
inline constexpr std::string_view kYellow = "\x1b[33m";
inline constexpr std::string_view kDim = "\x1b[2m";

struct TextColumn {
  std::string_view title;
  bool numeric = false;
  int rank = 0;  ///< where the table is too wide, the column of the highest rank goes first; 0 stays
};

struct TextRow {
  std::vector<std::string> cells;  ///< one per column; a single one goes over the whole width instead
  char mark = ' ';                 ///< before the first column
  std::string_view style = {};
};

/// Text for a terminal: lines no longer than its width, broken at blanks; nothing in them could move the cursor.
class TerminalPage {
 public:
  static constexpr int kNarrowest = 40;  ///< columns; below that nothing is readable anyway

  TerminalPage(int width, bool color);

  int width() const { return width_; }
  /// As it is, however long: for what has to be copied whole. Foreign text is made printable by the caller.
  void line(std::string_view text, std::string_view style = {});
  void paragraph(std::string_view text, int indent = 0, std::string_view style = {});
  /// A term and what it is, the text in lines of its own column.
  void entry(std::string_view term, std::string_view text, int text_column, std::string_view style = {});
  void table(const std::vector<TextColumn>& columns, std::vector<TextRow> rows);
  std::string take() { return std::move(out_); }

 private:
  int width_;
  bool color_;
  std::string out_;
};

}  // namespace paceline
