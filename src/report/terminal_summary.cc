#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "report/findings.h"
#include "report/report.h"
#include "report/terminal_page.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/numbers.h"
#include "words/printable.h"
#include "words/wrap.h"

namespace paceline {
namespace {

std::string gate_word(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  if (backend == nullptr || !backend->gate.ran) return "-";
  return backend->gate.accepted ? "accepted" : "rejected";
}

std::string accuracy_cell(const BenchResults& results, const CellResult& cell) {
  const AccuracyResult* accuracy = find_accuracy(results, cell.configuration);
  return accuracy == nullptr ? "" : metric_figure(results.labelled->metric, accuracy->headline.value);
}

TextRow cell_row(const BenchResults& results, const CellResult& cell) {
  const Configuration& is = cell.configuration;
  TextRow row;
  row.cells = {backend_label(results, is),
               batch_words(is),
               std::string(order_name(is.order)),
               format_number(cell.ms_per_text.median),
               format_interval(cell.ms_per_text),
               format_number(cell.texts_per_second),
               has_median(cell.speedup) ? format_ratio(cell.speedup.median) : "",
               gate_word(results, cell)};
  if (results.labelled) row.cells.insert(row.cells.end() - 1, accuracy_cell(results, cell));
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

void print_table(TerminalPage& page, const BenchResults& results) {
  std::vector<TextRow> rows;
  std::string marks;
  bool confirmed = true;
  for (const CellResult* cell : best_cells(results)) {
    if (std::exchange(confirmed, cell->confirmed) && !cell->confirmed && !rows.empty()) {
      rows.push_back({{"exploratory (measured once):"}, ' ', kDim});
    }
    rows.push_back(cell_row(results, *cell));
    marks += rows.back().mark;
  }
  if (rows.empty()) return;
  page.line("");
  std::vector<TextColumn> columns = {{"backend"},           {"batch", true},       {"order"},
                                     {"ms/text", true},     {"interval", true, 3}, {"texts/s", true, 2},
                                     {"speed-up", true, 1}, {"gate", false, 4}};
  if (results.labelled) {
    const Metric metric = results.labelled->metric;
    columns.insert(columns.end() - 1, {metric == Metric::kPearson ? "Pearson" : metric_words(metric), true});
  }
  page.table(columns, rows);
  std::string legend = "Best of each backend and order.";
  if (marks.find('*') != std::string::npos) legend += " * recommended.";
  if (marks.find('b') != std::string::npos) legend += " b baseline.";
  if (marks.find('x') != std::string::npos) legend += " x rejected by the gate.";
  page.paragraph(legend, 2, kDim);
}

void print_headline(TerminalPage& page, const BenchResults& results) {
  const Headline headline = make_headline(results);
  for (const std::string& notice : headline.notices) page.paragraph(notice, 0, kYellow);
  if (!headline.notices.empty()) page.line("");
  const bool recommended = !headline.speed.empty();
  page.paragraph((!recommended                           ? ""
                  : is_undecided(results.recommendation) ? "Recommended, not decided: "
                                                         : "Recommended: ") +
                     headline.title,
                 0, recommended ? kGreen : kBold);
  for (const std::string& caveat : headline.caveats) page.paragraph(caveat, 2, kYellow);
  for (const std::string* words : {&headline.action, &headline.speed, &headline.total, &headline.comparison,
                                   &headline.reason, &headline.frontier, &headline.proof}) {
    page.paragraph(*words, 2);
  }
  // The last limit is what every run requires.
  if (recommended && limit_words(results).size() > 1) page.paragraph(goal_words(results), 2);
}

/// Why not the others, each in a line or two.
void print_rejections(TerminalPage& page, const BenchResults& results) {
  const std::vector<Rejection> rejections = rejections_by_reason(results);
  if (rejections.empty()) return;
  int widest = 0;
  for (const Rejection& rejection : rejections) widest = std::max(widest, text_columns(rejection.what));
  page.line("");
  page.line("Why the others were not chosen", kBold);
  // Half of the width at most is for the names; a longer one stands in a line of its own.
  const int column = std::min(widest + 4, page.width() / 2);
  for (const Rejection& rejection : rejections) page.entry("  " + rejection.what, rejection.why, column);
}

/// A row for each backend and batch size, a column for each length: as many as fit.
void print_sweep(TerminalPage& page, const BenchResults& results) {
  std::set<int32_t> lengths;
  std::map<std::pair<int, std::string>, std::map<int32_t, std::string>> values;
  const std::set<std::string> shown = backends_to_compare(results);
  for (const LengthResult& row : results.length_sweep) {
    const std::string label = backend_label(results, row.configuration);
    if (!has_median(row.ms_per_text) || !shown.contains(label)) continue;
    lengths.insert(row.tokens);
    values[{row.configuration.batch_size, label}][row.tokens] = format_number(row.ms_per_text.median);
  }
  if (values.empty()) return;
  std::vector<std::string> titles;
  for (const int32_t length : lengths) titles.push_back(format_count(length));
  std::vector<TextColumn> columns = {{"ms/text at tokens"}, {"batch", true}};
  int rank = 0;  // the ends say most: the second shortest goes first
  for (std::size_t i = 0; i < titles.size(); ++i) {
    const bool end = i == 0 || i + 1 == titles.size();
    columns.push_back({titles[i], true, end ? 0 : static_cast<int>(titles.size()) - rank++});
  }
  std::vector<TextRow> rows;
  for (const auto& [key, of_length] : values) {
    TextRow row{.cells = {key.second, format_count(key.first)}};
    for (const int32_t length : lengths) {
      const auto found = of_length.find(length);
      row.cells.push_back(found == of_length.end() ? "" : found->second);
    }
    rows.push_back(std::move(row));
  }
  page.line("");
  page.table(columns, rows);
}

/// What went wrong and what was left out, but for what stands under "Why the others were not chosen".
void print_remarks(TerminalPage& page, const BenchResults& results) {
  std::vector<std::pair<std::string, std::string_view>> remarks;
  const auto is_said = [&](const std::string& reason) {
    return std::ranges::any_of(results.recommendation.rejections,
                               [&](const Rejection& one) { return one.why.ends_with(reason); });
  };
  for (const BackendResult& backend : results.backends) {
    const std::string name = backend.backend + " " + backend.compute_type;
    if (!backend.error.empty() && !is_said(backend.error))
      remarks.emplace_back(fmt::format("{} could not be measured: {}", name, backend.error), kRed);
    if (was_rejected(backend) && !is_said(backend.gate.verdict))
      remarks.emplace_back(fmt::format("{}: {}", name, backend.gate.verdict), kRed);
  }
  for (const std::string& note : results.notes) remarks.emplace_back("Note: " + note, "");
  if (!remarks.empty()) page.line("");
  for (const auto& [text, style] : remarks) page.paragraph(text, 0, style);
}

void print_files(TerminalPage& page, const BenchResults& results, const TerminalOptions& options) {
  if (options.out_dir.empty()) return;
  page.line("");
  page.line(fmt::format("Report: {}", printable((options.out_dir / "report.html").string())), kBold);
  page.paragraph("Also there: report.json, samples.csv, charts/.", 2);
  page.paragraph(options.remark, 2);
  if (results.recommendation.valid) {
    const std::string plan = printable((options.out_dir / "plan.json").string());
    page.line(fmt::format("Use it: paceline classify {} --input FILE", plan));
  }
}

}  // namespace

std::string terminal_summary(const BenchResults& results, const TerminalOptions& options) {
  TerminalPage page(options.width, options.color);
  print_headline(page, results);
  print_table(page, results);
  print_rejections(page, results);
  print_sweep(page, results);
  print_remarks(page, results);
  print_files(page, results, options);
  return page.take();
}

}  // namespace paceline
