#pragma once

#include <string>
#include <vector>

#include "report/figure.h"

namespace paceline {

struct SvgOptions {
  int width = 760;  ///< pixels; below kSvgWide panels stand one below another and lines carry no labels of their own
  /// In a page colours are CSS variables (--ink, --muted, --grid, --surface, --context, --neutral, --faint, --series-1
  /// ...), which follow light and dark; a file has the light ones written out and a white ground.
  bool page = false;
};

inline constexpr int kSvgWide = 600;
/// Colours of the palette; more series begin again, with another marker.
inline constexpr int kSvgColors = 12;

/// A whole <svg> element with a title and a description, tooltips on every mark. A file gets an XML declaration too.
std::string render_svg(const Figure& figure, const SvgOptions& options);

/// Moves `wanted`, ascending, apart until neighbours are `gap` away, as little as that takes and within [low, high]
/// where they fit. For labels beside lines.
std::vector<double> spread(const std::vector<double>& wanted, double gap, double low, double high);

}  // namespace paceline
