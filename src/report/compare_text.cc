#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "report/compare.h"
#include "report/terminal_page.h"
#include "results/describe.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

std::string change_words(const ComparedCell& is, double tolerance) {
  if (is.regression) return "slower, beyond the tolerance";
  switch (is.change) {
    case Change::kFaster:
      return "faster";
    case Change::kSlower:
      return is.ratio.low > 1 + tolerance ? "slower" : "slower, within the tolerance";
    case Change::kUnclear:
      break;
  }
  return has_spread(is.ratio) ? "no difference can be told" : "no interval: too few rounds";
}

std::string_view change_style(const ComparedCell& is) {
  if (is.regression) return kRed;
  return is.change == Change::kFaster ? kGreen : std::string_view();
}

void print_differences(TerminalPage& page, const Comparison& is) {
  if (!is.comparable()) {
    page.paragraph(
        "NOT COMPARABLE: the two runs did different work. The ratios below say nothing about speed; measure both with "
        "the same checkpoint and texts.",
        0, kRed);
  }
  for (const Difference& difference : is.differences) {
    const bool version = difference.kind == DifferenceKind::kVersion;
    page.paragraph(fmt::format("{}{}: {} -> {}", version ? "" : "Differs: ", difference.what, difference.earlier,
                               difference.later),
                   0, version ? kDim : kYellow);
  }
  for (const std::string& note : is.notes) page.paragraph(note, 0, kYellow);
  if (!is.differences.empty() || !is.notes.empty()) page.line("");
}

void print_recommended(TerminalPage& page, const Comparison& is) {
  for (const std::string& lost : is.lost) page.paragraph(lost, 0, kRed);
  if (!is.recommended) return;
  const ComparedCell& cell = *is.recommended;
  page.paragraph("Recommended: " + configuration_words(cell.later), 0, kBold);
  if (!(cell.earlier == cell.later)) page.paragraph("before: " + configuration_words(cell.earlier), 2);
  page.paragraph(fmt::format("{} -> {} ms per text, {} times as long{}: {}", format_number(cell.ms_earlier.median),
                             format_number(cell.ms_later.median), format_decimals(cell.ratio.median, 3),
                             interval_in_brackets(cell.ratio), change_words(cell, is.tolerance)),
                 2, change_style(cell));
}

void print_cells(TerminalPage& page, const Comparison& is) {
  std::vector<TextRow> rows;
  std::size_t unclear = 0;
  std::size_t single = 0;  // one round each, or rounds that are alike to the last digit
  bool exploratory = false;
  for (const ComparedCell& cell : is.cells) {
    if (!cell.confirmed && cell.change == Change::kUnclear) {
      ++(has_spread(cell.ratio) ? unclear : single);
      continue;
    }
    if (!cell.confirmed && !std::exchange(exploratory, true)) {
      rows.push_back({{"exploratory in one run or both, so no regression:"}, ' ', kDim});
    }
    const Configuration& of = cell.later;
    rows.push_back(
        {{backend_words(of), batch_words(of), std::string(order_name(of.order)), format_number(cell.ms_earlier.median),
          format_number(cell.ms_later.median), format_decimals(cell.ratio.median, 3), format_interval(cell.ratio),
          change_words(cell, is.tolerance)},
         cell.regression ? '!' : ' ',
         change_style(cell)});
  }
  if (!rows.empty()) {
    page.line("");
    page.table({{"backend"},
                {"batch", true},
                {"order"},
                {"before", true, 2},
                {"now", true, 1},
                {"ratio", true},
                {"95 % interval", true, 3},
                {"verdict"}},
               rows);
  }
  const auto count = [&](std::string_view what, std::size_t configurations) {
    if (configurations == 0) return;
    page.paragraph(fmt::format("{}: {}.", what, counted(static_cast<int64_t>(configurations), "configuration")), 2);
  };
  count("Exploratory, no difference can be told", unclear);
  count("Exploratory, no interval as there were too few rounds", single);
  count("Only in the earlier run", is.only_earlier.size());
  count("Only in the later run", is.only_later.size());
}

/// Both scores with their intervals; whether they differ, two runs cannot pair.
void print_accuracies(TerminalPage& page, const Comparison& is) {
  if (is.accuracies.empty()) return;
  page.line("");
  page.line(fmt::format("On labelled texts: {}", metric_words(*is.metric)), kBold);
  for (const ComparedAccuracy& one : is.accuracies) {
    page.paragraph(fmt::format("{}: {} -> {}", one.backend, metric_score(*is.metric, one.earlier),
                               metric_score(*is.metric, one.later)),
                   2);
  }
}

void print_verdict(TerminalPage& page, const Comparison& is) {
  page.line("");
  if (!is.comparable()) {
    page.paragraph("Not comparable.", 0, kRed);
  } else if (is.cells.empty() && !is.recommended) {
    page.paragraph("Nothing was measured in both runs.", 0, kYellow);
  } else {
    page.paragraph(fmt::format("{} beyond the tolerance of {}.",
                               is.regressed() ? "Slower" : "Nothing confirmed is slower", format_percent(is.tolerance)),
                   0, is.regressed() ? kRed : kGreen);
  }
}

}  // namespace

std::string comparison_text(const Comparison& is, const TerminalOptions& options) {
  TerminalPage page(options.width, options.color);
  print_differences(page, is);
  print_recommended(page, is);
  print_cells(page, is);
  print_accuracies(page, is);
  print_verdict(page, is);
  return page.take();
}

}  // namespace paceline
