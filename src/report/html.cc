#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "report/charts.h"
#include "report/html_answer.h"
#include "report/html_context.h"
#include "report/html_parts.h"
#include "report/html_tables.h"
#include "report/page_assets.h"
#include "report/svg.h"
#include "words/markup.h"
#include "words/numbers.h"

namespace paceline {
namespace {

constexpr int kWideChart = 900;    // px: between a tablet and the page's column, which scale it by a fifth at most
constexpr int kNarrowChart = 336;  // px: a phone of 360 without the page's margins

std::string chart(const NamedFigure& named) {
  const Figure& figure = named.figure;
  const std::string caption =
      figure.description.empty() ? "" : fmt::format("<figcaption>{}</figcaption>\n", escape_markup(figure.description));
  std::string html;
  for (const auto& [css_class, width] : {std::pair("wide", kWideChart), {"narrow", kNarrowChart}}) {
    html += fmt::format("<figure class=\"{}\" data-chart=\"{}\">\n{}{}</figure>\n", css_class, named.name,
                        render_svg(figure, {.width = width, .page = true}), caption);
  }
  return html;
}

/// The charts of the page by their names, as HTML; empty where there is no data.
class Charts {
 public:
  explicit Charts(const BenchResults& results) : figures_(all_figures(results)) {}
  std::string operator[](std::string_view name) const {
    const auto found = std::ranges::find(figures_, name, &NamedFigure::name);
    return found == figures_.end() ? "" : chart(*found);
  }

 private:
  std::vector<NamedFigure> figures_;
};

/// "2026-03-02T09:30:00Z" as "2026-03-02 09:30 UTC"; anything else as it is.
std::string when_words(const std::string& iso) {
  constexpr std::size_t kLength = std::string_view("2026-03-02T09:30:00Z").size();
  if (iso.size() != kLength || iso[10] != 'T' || iso.back() != 'Z') return iso;
  return fmt::format("{} {} UTC", iso.substr(0, 10), iso.substr(11, 5));
}

/// What people call the model: its folder's name, or the id of a snapshot in the hub's cache,
/// models--org--name/snapshots/commit.
std::string model_name(const std::string& model_dir) {
  constexpr std::string_view kModels = "models--";
  const std::filesystem::path folder = std::filesystem::path(model_dir).lexically_normal();
  std::string id = folder.parent_path().parent_path().filename().string();
  if (folder.parent_path().filename() != "snapshots" || !id.starts_with(kModels)) return folder.filename().string();
  id.erase(0, kModels.size());
  const std::size_t dashes = id.find("--");
  return dashes == std::string::npos ? id : fmt::format("{}/{}", id.substr(0, dashes), id.substr(dashes + 2));
}

std::string page_header(const BenchResults& results) {
  std::vector<std::string> parts;
  const auto add = [&](std::string text) {
    if (!text.empty()) parts.push_back(std::move(text));
  };
  add(model_name(results.checkpoint.model_dir));
  if (results.workload.texts > 0) add(format_count(results.workload.texts) + " texts");
  add(results.machine.cpu);
  add(when_words(results.started_at));
  return fmt::format("<header>\n<h1>Paceline report</h1>\n{}</header>\n",
                     html_paragraph(fmt::format("{}", fmt::join(parts, ", "))));
}

std::string took_words(const BenchResults& results) {
  if (!(results.seconds > 0)) return "";
  std::string words = " Measured in " + format_duration(results.seconds);
  if (results.protocol == "article") words += " by the article's protocol";
  if (results.continued > 0) words += fmt::format(", continued {} times", results.continued);
  return words + ".";
}

std::string page_footer(const BenchResults& results) {
  return "<footer>\n" +
         html_paragraph(fmt::format("Paceline {}. {}.{} The same figures: report.json; every timing: samples.csv.",
                                    results.paceline_version, results.build_id, took_words(results))) +
         "</footer>\n";
}

/// Nothing may be loaded from anywhere, and no script but the page's own may run, whatever text from outside found its
/// way into the page.
std::string page_head() {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:; script-src 'sha256-{}'\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<title>Paceline report</title>\n<style>\n{}</style>\n</head>\n",
      kPageScriptHash, kPageCss);
}

std::vector<Section> page_sections(const BenchResults& results) {
  const Charts charts(results);
  return {
      {"why", "Why this one", html_reasons(results)},
      {"speed", "Speed", charts["speedup"] + speed_tables(results) + charts["ms_per_text"]},
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
  const std::vector<Section> sections = page_sections(results);
  std::string html = page_head();
  html += "<body>\n<a class=\"skip\" href=\"#answer\">Skip to the answer</a>\n";
  html += page_header(results);
  html += html_navigation(sections);
  html += "<main>\n";
  html += html_answer(results, options);
  for (const Section& section : sections) html += html_section(section);
  html += "</main>\n";
  html += page_footer(results);
  html += fmt::format("<script>{}</script>\n", kPageScript);
  return html + "</body>\n</html>\n";
}

}  // namespace paceline
