#include "report/terminal_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "words/printable.h"
#include "words/wrap.h"

namespace paceline {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string blanks(int count) { return std::string(static_cast<std::size_t>(std::max(0, count)), ' '); }

std::string aligned(const std::string& text, int width, bool right) {
  const std::string space = blanks(width - text_columns(text));
  return right ? space + text : text + space;
}

/// Columns that fit into a width, and how wide each column is.
struct Fitting {
  std::vector<std::size_t> columns;
  std::vector<int> widths;  ///< of all columns
};

bool spans(const TextRow& row) { return row.cells.size() == 1; }

Fitting fit(const std::vector<TextColumn>& columns, const std::vector<TextRow>& rows, int width) {
  Fitting fitting;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    int widest = text_columns(columns[i].title);
    for (const TextRow& row : rows) {
      if (!spans(row)) widest = std::max(widest, text_columns(row.cells[i]));
    }
    fitting.columns.push_back(i);
    fitting.widths.push_back(widest);
  }
  const auto total = [&] {  // the mark and a blank before the first column, two blanks before the others
    int sum = 0;
    for (const std::size_t i : fitting.columns) sum += fitting.widths[i] + 2;
    return sum;
  };
  while (total() > width) {
    const auto worst =
        std::max_element(fitting.columns.begin(), fitting.columns.end(),
                         [&](std::size_t a, std::size_t b) { return columns[a].rank < columns[b].rank; });
    if (columns[*worst].rank == 0) break;
    fitting.columns.erase(worst);
  }
  return fitting;
}

std::string table_line(const std::vector<TextColumn>& columns, const Fitting& fitting, char mark,
                       const auto& text_of_column) {
  std::string line(1, mark);
  for (const std::size_t i : fitting.columns) {
    line += i == fitting.columns.front() ? " " : "  ";
    line += aligned(std::string(text_of_column(i)), fitting.widths[i], columns[i].numeric);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

TerminalPage::TerminalPage(int width, bool color) : width_(std::max(kNarrowest, width)), color_(color) {}

void TerminalPage::line(std::string_view text, std::string_view style) {
  const bool styled = color_ && !style.empty();
  out_ += styled ? fmt::format("{}{}{}\n", style, text, kReset) : fmt::format("{}\n", text);
}

void TerminalPage::paragraph(std::string_view text, int indent, std::string_view style) {
  for (const std::string& wrapped : wrap(printable(text), width_ - indent)) line(blanks(indent) + wrapped, style);
}

void TerminalPage::entry(std::string_view term, std::string_view text, int text_column, std::string_view style) {
  const std::vector<std::string> lines = wrap(printable(text), width_ - text_column);
  std::string start = aligned(printable(term), text_column - 1, false) + " ";
  if (text_columns(start) > text_column) {  // the term is too long to stand before its text
    line(start.substr(0, start.find_last_not_of(' ') + 1), style);
    start = blanks(text_column);
  }
  for (const std::string& wrapped : lines) {
    line(start + wrapped, style);
    start = blanks(text_column);
  }
}

void TerminalPage::table(const std::vector<TextColumn>& columns, std::vector<TextRow> rows) {
  for (TextRow& row : rows) {
    for (std::string& cell : row.cells) cell = printable(cell);
  }
  const Fitting fitting = fit(columns, rows, width_);
  line(table_line(columns, fitting, ' ', [&](std::size_t i) { return columns[i].title; }), kBold);
  for (const TextRow& row : rows) {
    if (spans(row)) {
      paragraph(row.cells.front(), 2, row.style);
    } else {
      line(table_line(columns, fitting, row.mark, [&](std::size_t i) { return row.cells[i]; }), row.style);
    }
  }
}

}  // namespace paceline
