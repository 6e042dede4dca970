#include "report/html_parts.h"

#include <fmt/format.h>

#include <cmath>

#include "words/markup.h"

namespace paceline {
namespace {

std::string class_attribute(std::string_view css_class) {
  return css_class.empty() ? "" : fmt::format(" class=\"{}\"", escape_markup(css_class));
}

bool is_digit(char character) { return character >= '0' && character <= '9'; }

/// A number like 1.4e-06 that is not broken at its hyphen.
std::string join_exponents(std::string_view text) {
  constexpr std::string_view kJoiner = "\xE2\x81\xA0";
  std::string joined;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool exponent = text[i] == '-' && i >= 2 && text[i - 1] == 'e' && is_digit(text[i - 2]) &&
                          i + 1 < text.size() && is_digit(text[i + 1]);
    if (exponent) joined += kJoiner;
    joined += text[i];
    if (exponent) joined += kJoiner;
  }
  return joined;
}

/// How long the flag is that begins here; 0 where none does. "--budget", not "--" nor "a--b".
std::size_t flag_length(std::string_view text, std::size_t at) {
  const auto is_letter = [&](std::size_t i) { return i < text.size() && text[i] >= 'a' && text[i] <= 'z'; };
  if (!text.substr(at).starts_with("--") || !is_letter(at + 2)) return 0;
  if (at > 0 && text[at - 1] != ' ' && text[at - 1] != '(') return 0;
  std::size_t end = at + 2;
  while (is_letter(end) || (end < text.size() && text[end] == '-' && is_letter(end + 1))) ++end;
  return end - at;
}

/// Escaped, with flags as code: neither they nor numbers are broken at a hyphen.
std::string escape_words(std::string_view text) {
  std::string html;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t length = flag_length(text, i);
    if (length == 0) continue;
    html += escape_markup(join_exponents(text.substr(done, i - done)));
    html += fmt::format("<code>{}</code>", text.substr(i, length));
    done = i + length;
  }
  return html + escape_markup(join_exponents(text.substr(done)));
}

std::string table_cell(const TableCell& cell, bool numeric) {
  std::string css_class = numeric ? "n" : "";
  if (!cell.css_class.empty()) css_class += (css_class.empty() ? "" : " ") + cell.css_class;
  std::string attributes = class_attribute(css_class);
  if (cell.columns > 1) attributes += fmt::format(" colspan=\"{}\"", cell.columns);
  if (cell.value && std::isfinite(*cell.value)) attributes += fmt::format(" data-v=\"{}\"", *cell.value);
  if (cell.bar > 0) attributes += fmt::format(" style=\"--bar:{:.1f}%\"", 100 * cell.bar);
  return fmt::format("<td{}>{}</td>", attributes, escape_words(cell.text));
}

std::string table_row(const std::vector<TableColumn>& columns, const TableRow& row) {
  std::string html = fmt::format("<tr{}>", class_attribute(row.css_class));
  std::size_t column = 0;
  for (const TableCell& cell : row.cells) {
    html += table_cell(cell, cell.columns == 1 && column < columns.size() && columns[column].numeric);
    column += static_cast<std::size_t>(cell.columns);
  }
  return html + "</tr>\n";
}

}  // namespace

std::string html_table(std::string_view label, const std::vector<TableColumn>& columns,
                       const std::vector<TableRow>& rows) {
  std::string html = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table class=\"sortable\" "
      "aria-label=\"{0}\">\n",
      escape_markup(label));
  html += "<thead><tr>";
  for (const TableColumn& column : columns) {
    html +=
        fmt::format("<th scope=\"col\"{}>{}</th>", column.numeric ? " class=\"n\"" : "", escape_markup(column.title));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (const TableRow& row : rows) html += table_row(columns, row);
  return html + "</tbody></table></div>\n";
}

std::string html_facts(const std::vector<Fact>& facts) {
  std::string html;
  for (const Fact& fact : facts) {
    if (fact.text.empty()) continue;
    html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_markup(fact.term), escape_words(fact.text));
  }
  return html.empty() ? html : "<dl>\n" + html + "</dl>\n";
}

std::string html_paragraph(std::string_view text, std::string_view css_class) {
  return text.empty() ? "" : fmt::format("<p{}>{}</p>\n", class_attribute(css_class), escape_words(text));
}

std::string html_list(const std::vector<std::string>& texts) {
  std::string html;
  for (const std::string& text : texts) html += fmt::format("<li>{}</li>\n", escape_words(text));
  return html.empty() ? html : "<ul>\n" + html + "</ul>\n";
}

std::string html_command(std::string_view command) {
  return command.empty() ? "" : fmt::format("<pre class=\"command\"><code>{}</code></pre>\n", escape_markup(command));
}

std::string html_details(std::string_view summary, const std::string& html) {
  return fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", escape_markup(summary), html);
}

std::string html_section(const Section& section) {
  if (section.html.empty()) return "";
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n", section.id,
      escape_markup(section.title), section.html);
}

std::string html_navigation(const std::vector<Section>& sections) {
  std::string html;
  for (const Section& section : sections) {
    if (section.html.empty()) continue;
    html += fmt::format("<a href=\"#{}\">{}</a>\n", section.id, escape_markup(section.title));
  }
  return html.empty() ? html : "<nav aria-label=\"Parts of this report\">\n" + html + "</nav>\n";
}

}  // namespace paceline
