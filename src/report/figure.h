#pragma once

#include <string>
#include <vector>

#include "report/ticks.h"

namespace paceline {

/// A chart as data: what charts.h makes from results and svg.h draws, for page and file alike.

/// A colour is a place in the palette, which stands for a backend, or one of these, which stand for none.
inline constexpr int kNeutralColor = -1;
inline constexpr int kFaintColor = -2;

/// How a colour fills bars and markers: it stands for the compute type.
enum class Tone { kSolid, kHollow, kStriped, kBarred, kPale };

/// A measured value, with its 95 % interval where low < high.
struct Point {
  double x = 0, y = 0;
  double low = 0, high = 0;
  std::string tooltip = {};
};

struct Line {
  std::string label;  ///< stands beside the line's right end where there is room
  int color = 0;      ///< the marker's shape follows it
  Tone tone = Tone::kSolid;
  bool dashed = false;
  bool context = false;       ///< faint and without marks: what the panel's own lines stand beside
  bool bare = false;          ///< without marks: it leads along points of other lines
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

/// A horizontal line through the plot.
struct Level {
  double y = 0;
  std::string label;
};

/// A point without a line. Its number, from 1, stands beside it, and a list says what the numbers are.
struct Spot {
  std::string label;
  int color = kNeutralColor;
  Tone tone = Tone::kSolid;
  bool chosen = false;  ///< in a ring
  Point point;
};

/// A line of a horizontal chart: its name, and a bar from zero or dots on the x axis.
struct FigureRow {
  std::string label;
  int color = kNeutralColor;
  Tone tone = Tone::kSolid;
  double value = 0;                ///< end of the bar; 0: no bar
  double low = 0, high = 0;        ///< its 95 % interval where low < high
  std::string value_label = {};    ///< stands behind the bar or the last dot
  std::string tooltip = {};        ///< of the bar
  std::vector<Point> points = {};  ///< dots at x, ascending; the n-th has the n-th shape
};

enum class Swatch { kMarker, kSolid, kDashed, kBar, kContext, kShape };

struct LegendEntry {
  std::string label;
  Swatch swatch = Swatch::kMarker;
  int color = kNeutralColor;  ///< kShape: the number of the shape
  Tone tone = Tone::kSolid;
};

struct Panel {
  std::string title;
  std::string x_title, y_title;  ///< with units
  Scale x;
  std::vector<Tick> x_ticks;
  ValueAxis y;
  std::vector<BarSeries> bars;
  std::vector<Line> lines;
  std::vector<Spot> spots;
  std::vector<Rule> rules;
  std::vector<Level> levels;
  std::vector<FigureRow> rows;  ///< instead of bars and lines; the y axis then means nothing
  std::vector<LegendEntry> legend;
  bool labels_suffice = false;  ///< no legend where the lines carry their labels
};

struct Figure {
  std::string title;             ///< drawn where there are several panels; a single one has its own
  std::string subtitle = {};     ///< below it: what all panels show
  std::string description = {};  ///< what there is to see, in a sentence or two
  std::vector<Panel> panels = {};
  std::vector<LegendEntry> legend = {};  ///< of all panels
  bool small_multiples = false;          ///< many panels of one kind: in rows of three, or two where it is narrow
};

}  // namespace paceline
