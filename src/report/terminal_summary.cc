#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "report/findings.h"
#include "report/format.h"
#include "report/report.h"

namespace paceline {
namespace {

constexpr int kNarrowest = 40;  // columns; below that nothing is readable anyway

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kGreen = "\x1b[1;32m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kReset = "\x1b[0m";

/// What may reach a terminal: control characters, which could move its cursor or change its title, become "?".
std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; }, '?');
  return out;
}

/// Lines no longer than `width`, broken at blanks, all indented alike.
std::vector<std::string> wrap(std::string_view text, int width, int indent) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!line.empty() && static_cast<int>(line.size() + 1 + word.size()) > width - indent) {
      lines.push_back(std::string(static_cast<std::size_t>(indent), ' ') + line);
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) lines.push_back(std::string(static_cast<std::size_t>(indent), ' ') + line);
  return lines;
}

class Page {
 public:
  explicit Page(const TerminalOptions& options) : width_(std::max(kNarrowest, options.width)), color_(options.color) {}

  int width() const { return width_; }
  void line(std::string_view text, std::string_view style = {}) {
    const bool styled = color_ && !style.empty();
    out_ += styled ? fmt::format("{}{}{}\n", style, text, kReset) : fmt::format("{}\n", text);
  }
  void paragraph(std::string_view text, int indent, std::string_view style = {}) {
    for (const std::string& wrapped : wrap(printable(text), width_, indent)) line(wrapped, style);
  }
  std::string take() { return std::move(out_); }

 private:
  int width_;
  bool color_;
  std::string out_;
};

struct Column {
  std::string_view title;
  bool numeric = false;
  int rank = 0;  ///< where the table is too wide, the column of the highest rank goes first; 0 stays
};

constexpr Column kColumns[] = {{"backend"},          {"batch", true},       {"order"},
                               {"ms/text", true},    {"interval", true, 3}, {"texts/s", true, 2},
                               {"speed-up", true, 1}};
constexpr std::size_t kColumnCount = std::size(kColumns);

struct Row {
  std::vector<std::string> cells;
  bool confirmed = false;
  char mark = ' ';
  std::string_view style;
};

Row make_row(const BenchResults& results, const CellResult& cell) {
  const Configuration& is = cell.configuration;
  Row row;
  row.confirmed = cell.confirmed;
  row.cells = {printable(engine_label(results, is)),
               batch_words(is),
               std::string(order_name(is.order)),
               format_number(cell.ms_per_text.median),
               format_interval(cell.ms_per_text),
               format_number(cell.texts_per_second),
               has_median(cell.speedup) ? format_ratio(cell.speedup.median) : ""};
  if (is_baseline(results, cell)) row.mark = 'b';
  if (is_recommended(results, cell)) {
    row.mark = '*';
    row.style = kGreen;
  }
  if (was_rejected(results, cell)) {
    row.mark = 'x';
    row.style = kRed;
  }
  return row;
}

/// Columns that fit into `width` characters, and how wide each is.
struct Fitting {
  std::vector<std::size_t> columns;
  std::vector<int> widths;  ///< of all columns
};

Fitting fit(const std::vector<Row>& rows, int width) {
  Fitting fitting;
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    std::size_t widest = kColumns[i].title.size();
    for (const Row& row : rows) widest = std::max(widest, row.cells[i].size());
    fitting.columns.push_back(i);
    fitting.widths.push_back(static_cast<int>(widest));
  }
  const auto total = [&] {  // the mark and a blank before the first column, two blanks before the others
    return std::accumulate(fitting.columns.begin(), fitting.columns.end(), 0,
                           [&](int sum, std::size_t i) { return sum + fitting.widths[i] + 2; });
  };
  while (total() > width) {
    const auto worst = std::ranges::max_element(fitting.columns, {}, [](std::size_t i) { return kColumns[i].rank; });
    if (kColumns[*worst].rank == 0) break;
    fitting.columns.erase(worst);
  }
  return fitting;
}

std::string table_line(const Fitting& fitting, char mark, const auto& cell_text) {
  std::string line(1, mark);
  for (const std::size_t i : fitting.columns) {
    line += i == fitting.columns.front() ? " " : "  ";
    line += kColumns[i].numeric ? fmt::format("{:>{}}", cell_text(i), fitting.widths[i])
                                : fmt::format("{:<{}}", cell_text(i), fitting.widths[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void print_table(Page& page, const BenchResults& results) {
  std::vector<Row> rows;
  for (const CellResult* cell : best_cells(results)) rows.push_back(make_row(results, *cell));
  if (rows.empty()) return;
  const Fitting fitting = fit(rows, page.width());
  page.line("");
  page.line(table_line(fitting, ' ', [](std::size_t i) { return kColumns[i].title; }), kBold);
  std::string marks;
  bool confirmed = rows.front().confirmed;
  for (const Row& row : rows) {
    if (std::exchange(confirmed, row.confirmed) != row.confirmed) page.paragraph("exploratory, not measured again:", 2);
    page.line(table_line(fitting, row.mark, [&](std::size_t i) { return row.cells[i]; }), row.style);
    marks += row.mark;
  }
  std::string legend = "Best of each backend and order.";
  if (marks.find('*') != std::string::npos) legend += " * recommended.";
  if (marks.find('b') != std::string::npos) legend += " b baseline.";
  if (marks.find('x') != std::string::npos) legend += " x rejected: its answers differ.";
  page.paragraph(legend, 2);
}

void print_headline(Page& page, const BenchResults& results) {
  const Headline headline = make_headline(results);
  for (const std::string& notice : headline.notices) page.paragraph(notice, 0, kYellow);
  if (!headline.notices.empty()) page.line("");
  const bool recommended = !headline.speed.empty();
  page.paragraph((recommended ? "Recommended: " : "") + headline.title, 0, recommended ? kGreen : kBold);
  page.paragraph(headline.speed, 2);
  page.paragraph(headline.comparison, 2);
  page.paragraph(headline.reason, 2);
}

/// What went wrong and what was left out.
void print_remarks(Page& page, const BenchResults& results) {
  std::vector<std::pair<std::string, std::string_view>> remarks;
  for (const BackendResult& backend : results.backends) {
    const std::string name = backend.backend + " " + backend.compute_type;
    if (!backend.error.empty()) remarks.emplace_back(fmt::format("{} is out: {}", name, backend.error), kRed);
    if (was_rejected(backend))
      remarks.emplace_back(fmt::format("{} is rejected: {}", name, backend.gate.verdict), kRed);
  }
  for (const std::string& note : results.notes) remarks.emplace_back("Note: " + note, "");
  if (!remarks.empty()) page.line("");
  for (const auto& [text, style] : remarks) page.paragraph(text, 0, style);
}

void print_files(Page& page, const BenchResults& results, const std::filesystem::path& out_dir) {
  if (out_dir.empty()) return;
  page.line("");
  page.line(fmt::format("Report: {}", printable((out_dir / "report.html").string())), kBold);
  page.paragraph("Beside it: report.json, samples.csv, charts/.", 2);
  if (results.recommendation.valid) {
    page.line(fmt::format("Use it: paceline classify {} --input FILE", printable((out_dir / "plan.json").string())));
  }
}

}  // namespace

std::string terminal_summary(const BenchResults& results, const TerminalOptions& options) {
  Page page(options);
  print_headline(page, results);
  print_table(page, results);
  print_remarks(page, results);
  print_files(page, results, options.out_dir);
  return page.take();
}

}  // namespace paceline
