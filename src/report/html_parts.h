#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// The few shapes the page is made of. Whatever is given as text is escaped here; only parameters named `html` are not.

struct TableColumn {
  std::string title;
  bool numeric = false;  ///< right-aligned, figures of equal width
};

struct TableCell {
  std::string text;
  std::string css_class = {};        ///< may be empty
  double bar = 0;                    ///< share of the cell's width filled behind the text, 0 to 1
  int columns = 1;                   ///< how many columns it spans
  std::optional<double> value = {};  ///< what the page sorts by; without it, by the text
};

struct TableRow {
  std::vector<TableCell> cells;
  std::string css_class = {};  ///< may be empty
};

/// A table that the page's script sorts by any column, inside a container of its own that scrolls sideways where the
/// page is narrower. `label` names it for readers who do not see it.
std::string html_table(std::string_view label, const std::vector<TableColumn>& columns,
                       const std::vector<TableRow>& rows);

/// A term and what it is.
struct Fact {
  std::string term, text;
};
/// A list of facts; those without text are left out.
std::string html_facts(const std::vector<Fact>& facts);

std::string html_paragraph(std::string_view text, std::string_view css_class = {});
std::string html_list(const std::vector<std::string>& texts);
/// A command to copy.
std::string html_command(std::string_view command);
/// `html` behind a line that opens it.
std::string html_details(std::string_view summary, const std::string& html);

/// A part of the page with a heading that can be linked to; `html` as it is.
struct Section {
  std::string id, title, html;
};
/// Empty where its `html` is.
std::string html_section(const Section& section);
/// Links to those that are not empty.
std::string html_navigation(const std::vector<Section>& sections);

}  // namespace paceline
