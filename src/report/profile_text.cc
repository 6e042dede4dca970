#include <fmt/format.h>

#include <string>
#include <vector>

#include "report/report.h"
#include "report/terminal_page.h"
#include "results/describe.h"
#include "results/stage_rates.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/printable.h"

namespace paceline {
namespace {

std::string or_empty(double value) { return value > 0 ? format_number(value) : ""; }

/// Of all rows of a table: four digits of the total.
int ms_decimals(const StageProfile& profile) {
  const double total = profile.total.ms;
  return total >= 1000 ? 0 : total >= 100 ? 1 : total >= 10 ? 2 : 3;
}

TextRow stage_row(const StageFigures& stage, const StageProfile& profile) {
  return {{stage.stage, format_decimals(stage.ms, ms_decimals(profile)), format_percent(time_share(stage, profile)),
           or_empty(gflops(stage)), or_empty(gbps(stage)),
           stage.roof_share > 0 ? format_percent(stage.roof_share) : ""}};
}

void print_profile(TerminalPage& page, const StageProfile& profile) {
  page.line(configuration_words(profile.configuration), kBold);
  page.paragraph(
      fmt::format("{} ms a batch, {} ms per text. {} over {} of {} and {}, {}.", format_number(profile.total.ms),
                  format_number(ms_per_text(profile)), counted(profile.rounds, "round"),
                  profile.batches == 1 ? "a batch" : counted(profile.batches, "batch"), counted(profile.texts, "text"),
                  counted(profile.tokens, "token"), counted(profile.configuration.threads, "thread")),
      2);
  std::vector<TextRow> rows;
  for (const StageFigures& stage : profile.stages) rows.push_back(stage_row(stage, profile));
  rows.push_back(stage_row(profile.total, profile));
  rows.back().style = kBold;
  page.table(
      {{"stage"}, {"ms", true}, {"time", true}, {"GFLOP/s", true, 2}, {"GB/s", true, 1}, {"of the roof", true, 3}},
      rows);
  page.paragraph(fmt::format("Counting the work that other backends do in the last layer: {} GFLOP/s.",
                             format_number(counted_gflops(profile))),
                 2, kDim);
  page.line("");
}

void print_legend(TerminalPage& page, const BenchResults& results) {
  page.paragraph(
      "ms: median over the rounds for one batch. A thread that works alone counts by its share. Waiting is for other "
      "threads. "
      "GB/s: weights and activations, each once; more than the memory gives comes from caches. The roof: of the "
      "arithmetic, each operation at its own type's.",
      0, kDim);
  page.paragraph(fmt::format("Measured roof: {}; memory {} GB/s.", peaks_words(results.roof),
                             format_number(results.roof.memory_bandwidth_gbps)));
  for (const std::string& note : results.notes) page.paragraph(note);
}

}  // namespace

std::string profile_text(const BenchResults& results, const TerminalOptions& options) {
  TerminalPage page(options.width, options.color);
  if (results.interrupted) page.paragraph("Interrupted: fewer rounds than planned.", 0, kYellow);
  for (const StageProfile& profile : results.profiles) print_profile(page, profile);
  if (!results.profiles.empty()) print_legend(page, results);
  if (!options.out_dir.empty()) {
    page.line("");
    page.line(printable((options.out_dir / "profile.json").string()));
  }
  return page.take();
}

}  // namespace paceline
