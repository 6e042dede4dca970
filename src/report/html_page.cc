#include "report/html_page.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "report/page_assets.h"
#include "report/svg.h"
#include "words/markup.h"

namespace paceline {
namespace {

constexpr int kWideChart = 900;    // px: between a tablet and the page's column, which scale it by a fifth at most
constexpr int kNarrowChart = 336;  // px: a phone of 360 without the page's margins

/// Nothing may be loaded from anywhere, and no script but the page's own may run, whatever text from outside found its
/// way into the page.
std::string page_head(std::string_view title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:; script-src 'sha256-{}'\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n",
      kPageScriptHash, escape_markup(title), kPageCss);
}

std::string page_header(const HtmlPage& page) {
  std::string subjects;
  for (const std::string& subject : page.subjects) {
    if (subject.empty()) continue;
    if (!subjects.empty()) subjects += ", ";
    subjects += subject;
  }
  return fmt::format("<header>\n<h1>{}</h1>\n{}</header>\n", escape_markup(page.title), html_paragraph(subjects));
}

}  // namespace

std::string html_page(const HtmlPage& page) {
  std::string html = page_head(page.title);
  html += "<body>\n<a class=\"skip\" href=\"#answer\">Skip to the answer</a>\n";
  html += page_header(page);
  html += html_navigation(page.sections);
  html += "<main>\n";
  html += page.answer;
  for (const Section& section : page.sections) html += html_section(section);
  html += "</main>\n";
  html += "<footer>\n" + html_paragraph(page.footer) + "</footer>\n";
  html += fmt::format("<script>{}</script>\n", kPageScript);
  return html + "</body>\n</html>\n";
}

std::string html_chart(std::string_view name, const Figure& figure) {
  const std::string caption =
      figure.description.empty() ? "" : fmt::format("<figcaption>{}</figcaption>\n", escape_markup(figure.description));
  std::string html;
  for (const auto& [css_class, width] : {std::pair("wide", kWideChart), {"narrow", kNarrowChart}}) {
    html += fmt::format("<figure class=\"{}\" data-chart=\"{}\">\n{}{}</figure>\n", css_class, name,
                        render_svg(figure, {.width = width, .page = true}), caption);
  }
  return html;
}

std::string html_tile(std::string_view value, std::string_view unit, std::string_view explanation) {
  return fmt::format("<div class=\"tile\"><b>{}</b> {}<small>{}</small></div>\n", escape_markup(value),
                     escape_markup(unit), escape_markup(explanation));
}

std::string html_tiles(const std::string& tiles) {
  return tiles.empty() ? "" : "<div class=\"tiles\">\n" + tiles + "</div>\n";
}

std::string when_words(const std::string& iso) {
  constexpr std::size_t kLength = std::string_view("2026-03-02T09:30:00Z").size();
  if (iso.size() != kLength || iso[10] != 'T' || iso.back() != 'Z') return iso;
  return fmt::format("{} {} UTC", iso.substr(0, 10), iso.substr(11, 5));
}

std::string model_name(const std::string& model_dir) {
  constexpr std::string_view kModels = "models--";
  const std::filesystem::path folder = std::filesystem::path(model_dir).lexically_normal();
  std::string id = folder.parent_path().parent_path().filename().string();
  if (folder.parent_path().filename() != "snapshots" || !id.starts_with(kModels)) return folder.filename().string();
  id.erase(0, kModels.size());
  const std::size_t dashes = id.find("--");
  return dashes == std::string::npos ? id : fmt::format("{}/{}", id.substr(0, dashes), id.substr(dashes + 2));
}

}  // namespace paceline
