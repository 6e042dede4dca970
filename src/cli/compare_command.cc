#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/json_text.h"
#include "cli/exit_code.h"
#include "cli/subcommands.h"
#include "paceline/error.h"
#include "report/compare.h"
#include "report/terminal_page.h"
#include "results/describe.h"
#include "results/fields.h"
#include "results/report_reader.h"
#include "words/numbers.h"

namespace paceline {
namespace {

constexpr int kCompareSchemaVersion = 1;

struct CompareOptions {
  std::filesystem::path earlier, later;
  double tolerance = 0.02;
  bool json = false;
};

/// report.json, or the folder that bench wrote it into.
BenchResults read(const std::filesystem::path& path) {
  std::error_code error;
  return read_report(std::filesystem::is_directory(path, error) ? path / "report.json" : path);
}

OrderedJson configuration_json(const Configuration& is) {
  return {{"backend", is.backend},       {"compute_type", is.compute_type}, {"device", is.device},
          {"batch_size", is.batch_size}, {"order", order_name(is.order)},   {"max_batch_tokens", is.max_batch_tokens},
          {"threads", is.threads},       {"instances", is.instances}};
}

OrderedJson estimate_json(const Estimate& is) {
  OrderedJson json;
  JsonFieldWriter visitor(json);
  fields(visitor, is);
  return json;
}

OrderedJson cell_json(const ComparedCell& is) {
  return {{"earlier", configuration_json(is.earlier)},
          {"later", configuration_json(is.later)},
          {"ms_per_text_earlier", estimate_json(is.ms_earlier)},
          {"ms_per_text_later", estimate_json(is.ms_later)},
          {"ratio", estimate_json(is.ratio)},
          {"confirmed", is.confirmed},
          {"change", change_name(is.change)},
          {"regression", is.regression}};
}

std::string_view kind_name(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kIncomparable:
      return "incomparable";
    case DifferenceKind::kCircumstance:
      return "circumstance";
    case DifferenceKind::kVersion:
      break;
  }
  return "version";
}

std::string comparison_json(const Comparison& is) {
  OrderedJson json = {{"schema_version", kCompareSchemaVersion},
                      {"tolerance", is.tolerance},
                      {"comparable", is.comparable()},
                      {"regressed", is.regressed()}};
  json["differences"] = OrderedJson::array();
  for (const Difference& difference : is.differences) {
    json["differences"].push_back({{"kind", kind_name(difference.kind)},
                                   {"what", difference.what},
                                   {"earlier", difference.earlier},
                                   {"later", difference.later}});
  }
  json["lost"] = is.lost;
  json["recommended"] = is.recommended ? cell_json(*is.recommended) : OrderedJson(nullptr);
  json["configurations"] = OrderedJson::array();
  for (const ComparedCell& cell : is.cells) json["configurations"].push_back(cell_json(cell));
  for (const auto& [key, list] : {std::pair("only_earlier", &is.only_earlier), {"only_later", &is.only_later}}) {
    json[key] = OrderedJson::array();
    for (const Configuration& configuration : *list) json[key].push_back(configuration_json(configuration));
  }
  return json_text(json);
}

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
  return is.ratio.high > 0 ? "no difference can be told" : "no interval: too few rounds";
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
  if (!is.differences.empty()) page.line("");
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
  bool exploratory = false;
  for (const ComparedCell& cell : is.cells) {
    if (!cell.confirmed && cell.change == Change::kUnclear) {
      ++unclear;
      continue;
    }
    if (!cell.confirmed && !std::exchange(exploratory, true)) {
      rows.push_back({{"exploratory in one run or both, so no regression:"}, ' ', kDim});
    }
    const Configuration& of = cell.later;
    rows.push_back(
        {{engine_words(of), batch_words(of), std::string(order_name(of.order)), format_number(cell.ms_earlier.median),
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
  if (unclear > 0) page.paragraph(fmt::format("{} exploratory ones show no difference.", unclear), 2);
  if (!is.only_earlier.empty()) page.paragraph(fmt::format("{} only in the first run.", is.only_earlier.size()), 2);
  if (!is.only_later.empty()) page.paragraph(fmt::format("{} only in the second run.", is.only_later.size()), 2);
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

std::string comparison_text(const Comparison& is) {
  TerminalPage page(Console::width(), Console::is_terminal() && std::getenv("NO_COLOR") == nullptr);
  print_differences(page, is);
  print_recommended(page, is);
  print_cells(page, is);
  print_verdict(page, is);
  return page.take();
}

int run_compare_command(const CompareOptions& options, Console& console) {
  const Comparison comparison = compare_results(read(options.earlier), read(options.later), options.tolerance);
  if (options.json) {
    console.write(comparison_json(comparison));
  } else {
    console.write_styled(comparison_text(comparison));
  }
  // A guard that could not compare has to stop, too: silence would pass for "no slower".
  if (!comparison.comparable() || (comparison.cells.empty() && !comparison.recommended)) return kExitBadData;
  return comparison.regressed() ? kExitGateFailed : kExitDone;
}

}  // namespace

Command make_compare_command() {
  constexpr double kLargestTolerance = 10;
  const auto options = std::make_shared<CompareOptions>();
  return {
      .name = "compare",
      .summary = "say what became faster or slower between two reports",
      .flags = {{"OLD", "", "report.json of the earlier run, or its folder", set_path(options->earlier), true},
                {"NEW", "", "report.json of the later run, or its folder", set_path(options->later), true},
                {"--tolerance", "X", "share by which a time may grow (default 0.02)",
                 set_number(options->tolerance, 0, kLargestTolerance)},
                {"--json", "", "print JSON (default: text)", set_switch(options->json)}},
      .notes =
          "Ratios are later over earlier times of the same configuration, with 95 % intervals. Exit code 5 where a "
          "confirmed or the recommended one is slower by more than the tolerance with its whole interval, or the gate "
          "rejects it now; 3 where the two runs did different work.",
      .run = [options](const Invocation& invocation) { return run_compare_command(*options, invocation.console); }};
}

}  // namespace paceline
