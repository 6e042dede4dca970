#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "report/charts.h"
#include "report/html_answer.h"
#include "report/html_context.h"
#include "report/html_page.h"
#include "report/html_parts.h"
#include "report/html_tables.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// The charts of the page by their names, as HTML; empty where there is no data.
class Charts {
 public:
  explicit Charts(const BenchResults& results) : figures_(all_figures(results)) {}
  std::string operator[](std::string_view name) const {
    const auto found = std::ranges::find(figures_, name, &NamedFigure::name);
    return found == figures_.end() ? "" : html_chart(found->name, found->figure);
  }

 private:
  std::vector<NamedFigure> figures_;
};

std::vector<std::string> page_subjects(const BenchResults& results) {
  return {model_name(results.checkpoint.model_dir),
          results.workload.texts > 0 ? format_count(results.workload.texts) + " texts" : "", results.machine.cpu,
          when_words(results.started_at)};
}

std::string took_words(const BenchResults& results) {
  if (!(results.seconds > 0)) return "";
  std::string words = " Measured in " + format_duration(results.seconds);
  if (results.protocol == "article") words += " by the article's protocol";
  if (results.continued > 0) words += fmt::format(", continued {} times", results.continued);
  return words + ".";
}

std::vector<Section> page_sections(const BenchResults& results) {
  const Charts charts(results);
  return {
      {"why", "Why this one", html_reasons(results)},
      {"speed", "Speed", charts["speedup"] + speed_tables(results) + charts["ms_per_text"]},
      {"accuracy", "Accuracy over speed", charts["accuracy"] + accuracy_table(results)},
      {"lengths", "Length and order",
       charts["order_gain"] + charts["sequence_length"] + sweep_table(results) + charts["lengths"]},
      {"latency", "Latency", charts["latency"] + latency_table(results)},
      {"answers", "Same answers?", gate_table(results)},
      {"resources", "Memory and limits", charts["memory_and_load"] + charts["roof"] + backend_table(results)},
      {"texts", "Texts and model", workload_facts(results)},
      {"machine", "Machine", machine_facts(results)},
      {"notes", "Notes", html_list(results.notes)},
      {"method", "How it was measured", method(results)},
      {"repeat", "Measure again", html_repeat(results)},
  };
}

}  // namespace

std::string report_html(const BenchResults& results, const HtmlOptions& options) {
  return html_page(
      {.title = "Paceline report",
       .subjects = page_subjects(results),
       .answer = html_answer(results, options),
       .sections = page_sections(results),
       .footer = fmt::format("Paceline {}. {}.{} The same figures: report.json; every timing: samples.csv.",
                             results.paceline_version, results.build_id, took_words(results))});
}

}  // namespace paceline
