#include "report/html_answer.h"

#include <fmt/format.h>

#include <string_view>

#include "report/findings.h"
#include "report/html_page.h"
#include "report/html_parts.h"
#include "report/measure_again.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/markup.h"
#include "words/numbers.h"

namespace paceline {
namespace {

std::string speed_tiles(const BenchResults& results, const CellResult& cell) {
  const auto interval = [](const Estimate& estimate) {
    const std::string words = format_interval(estimate);
    return words.empty() ? "no interval: too few rounds" : "95 % interval " + words;
  };
  std::string html = html_tile(format_number(cell.ms_per_text.median), "ms per text", interval(cell.ms_per_text));
  html += html_tile(format_number(cell.texts_per_second), "texts/s",
                    fmt::format("{} tokens/s", format_number(cell.tokens_per_second)));
  if (results.baseline && !is_baseline(results, cell) && has_median(cell.speedup)) {
    html += html_tile(format_ratio(cell.speedup.median), "the baseline's speed", interval(cell.speedup));
  }
  if (cell.roof_share > 0)
    html += html_tile(format_percent(cell.roof_share, 0), "of the machine's roof", "arithmetic peak");
  if (results.end_to_end.ms_per_text > 0) {
    html += html_tile(format_number(results.end_to_end.ms_per_text), "ms end to end", "from text to label");
  }
  if (const AccuracyResult* accuracy = find_accuracy(results, cell.configuration)) {
    const Metric metric = results.labelled->metric;
    html += html_tile(metric_figure(metric, accuracy->headline.value), metric_words(metric),
                      fmt::format("95 % interval {} to {}", metric_figure(metric, accuracy->headline.low),
                                  metric_figure(metric, accuracy->headline.high)));
  }
  if (results.recommendation.cost_per_million > 0) {
    html += html_tile(format_number(results.recommendation.cost_per_million), "per million texts",
                      fmt::format("at {} an hour", format_number(results.constraints.price_per_hour)));
  }
  return html_tiles(html);
}

std::string usage(const BenchResults& results, const HtmlOptions& options) {
  if (!options.plan_path.empty()) {
    return html_paragraph("plan.json holds this configuration. To classify with it:", "use") +
           html_command(fmt::format("paceline classify {} --input YOUR_TEXTS --output YOUR_LABELS", options.plan_path));
  }
  return results.recommendation.valid ? ""
                                      : html_paragraph("No plan.json was written, as this run recommends nothing.");
}

}  // namespace

std::string html_answer(const BenchResults& results, const HtmlOptions& options) {
  const Headline headline = make_headline(results);
  const CellResult* choice = results.recommendation.valid ? find_cell(results, results.recommendation.choice) : nullptr;
  std::string html = "<section class=\"hero\" id=\"answer\" aria-labelledby=\"answer-title\">\n";
  for (const std::string& notice : headline.notices) html += html_paragraph(notice, "notice");
  if (choice != nullptr)
    html += html_paragraph(is_undecided(results.recommendation) ? "Recommended, not decided" : "Recommended", "label");
  html += fmt::format("<h2 id=\"answer-title\">{}</h2>\n", escape_markup(headline.title));
  html += html_paragraph(headline.action, "action");
  for (const std::string& caveat : headline.caveats) html += html_paragraph(caveat, "notice");
  html += html_paragraph(headline.total);
  html += html_paragraph(headline.comparison);
  if (choice == nullptr) html += html_paragraph(headline.reason);
  html += html_paragraph(headline.frontier);
  html += html_paragraph(headline.proof);
  if (choice != nullptr && was_measured(*choice)) html += speed_tiles(results, *choice);
  return html + usage(results, options) + "</section>\n";
}

std::string html_reasons(const BenchResults& results) {
  const Recommendation& is = results.recommendation;
  if (!is.valid) return "";
  std::string html = html_paragraph(is.reason);
  html += html_paragraph(goal_words(results));
  std::vector<TableRow> rows;
  for (const Rejection& rejection : rejections_by_reason(results)) {
    rows.push_back(
        {.cells = {{.text = rejection.what, .css_class = "name"}, {.text = rejection.why, .css_class = "wrap"}}});
  }
  if (!rows.empty()) html += html_table("Why the others were not chosen", {{"Backend"}, {"Reason"}}, rows);
  return html;
}

std::string html_repeat(const BenchResults& results) {
  if (results.command.empty()) return "";
  const MeasureAgain again = measure_again(results.command);
  return html_paragraph("The same measurement again, on this or another machine, into a folder beside this one:") +
         html_command(again.bench) + html_paragraph("What became faster or slower since:") +
         html_command(again.compare);
}

}  // namespace paceline
