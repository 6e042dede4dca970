#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/figure.h"
#include "report/html_parts.h"

namespace paceline {

/// A page of results: one file that needs no network, light and dark, from 360 pixels up. Its script (values on hover,
/// focus and touch, sorting) is a comfort: without it every value is still there.
struct HtmlPage {
  std::string title;                  ///< of window and heading
  std::vector<std::string> subjects;  ///< what the figures are of, below the heading; empty ones are left out
  std::string answer;                 ///< HTML of the first part, a section with the id "answer"
  std::vector<Section> sections;      ///< empty ones are left out
  std::string footer;                 ///< text
};
std::string html_page(const HtmlPage& page);

/// A chart with its caption, in the forms for wide and narrow windows. `name`: what the page's script and tests call
/// it.
std::string html_chart(std::string_view name, const Figure& figure);

/// A large number with its unit, and what is to be said of it.
std::string html_tile(std::string_view value, std::string_view unit, std::string_view explanation);
/// Tiles side by side; empty where there is none.
std::string html_tiles(const std::string& tiles);

/// "2026-03-02T09:30:00Z" as "2026-03-02 09:30 UTC"; anything else as it is.
std::string when_words(const std::string& iso);

/// What people call the model: its folder's name, or the id of a snapshot in the hub's cache,
/// models--org--name/snapshots/commit.
std::string model_name(const std::string& model_dir);

}  // namespace paceline
