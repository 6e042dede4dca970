#pragma once

#include <string>
#include <vector>

#include "report/ticks.h"

namespace paceline {

/// A chart as data: what charts.h makes from results and svg.h draws, for page and file alike.

/// A colour is a place in the palette, which stands for a backend, or one of these, which stand for none.
inline constexpr int kNeutralColor = -1;
inline constexpr int kFaintColor = -2;

/// A measured value, with its 95 % interval where low < high.
struct Point {
  double x = 0, y = 0;
  double low = 0, high = 0;
  std::string tooltip = {};
};

struct Line {
  std::string label;  ///< stands beside the line's right end where there is room
  int color = 0;      ///< the marker's shape follows it
  bool dashed = false;
  std::vector<Point> points;  ///< x ascending
};

struct Bar {
  double left = 0, right = 0;  ///< on the x axis
  double y = 0;
  std::string label;  ///< stands above the bar where there is room; may be empty
  std::string tooltip;
};

struct BarSeries {
  int color = kNeutralColor;
  std::vector<Bar> bars;
};

/// A vertical line through the plot.
struct Rule {
  double x = 0;
  std::string label;
};

enum class Swatch { kMarker, kSolid, kDashed, kBar };

struct LegendEntry {
  std::string label;
  Swatch swatch = Swatch::kMarker;
  int color = kNeutralColor;
};

struct Panel {
  std::string title;
  std::string x_title, y_title;  ///< with units
  Scale x;
  std::vector<Tick> x_ticks;
  ValueAxis y;
  std::vector<BarSeries> bars;
  std::vector<Line> lines;
  std::vector<Rule> rules;
  std::vector<LegendEntry> legend;
};

struct Figure {
  std::string title;
  std::string description = {};  ///< for readers who do not see it
  std::vector<Panel> panels = {};
};

}  // namespace paceline
