#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/chart_parts.h"
#include "report/charts.h"
#include "report/findings.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Below and above the points, in points of accuracy or hundredths: nobody should read more out of the height.
constexpr double kLeastSpan = 1;

/// Everything but accuracy is drawn as hundredths, so that one scale serves all.
double height_of(double value) { return 100 * value; }

Line point_of(const BenchResults& results, const CellResult& cell, const AccuracyResult& accuracy) {
  const Configuration& is = cell.configuration;
  const bool rejected = was_rejected(results, cell);
  const Metric metric = results.labelled->metric;
  const Score& score = accuracy.headline;
  return {.label = backend_label(results, is) + (rejected ? " (rejected)" : ""),
          .color = rejected ? kFaintColor : backend_color(results, is),
          .points = {{.x = cell.texts_per_second,
                      .y = height_of(score.value),
                      .low = height_of(score.low),
                      .high = height_of(score.high),
                      .tooltip = fmt::format("{}: {} {}, {} texts/s", configuration_words(is), metric_words(metric),
                                             metric_score(metric, score), format_number(cell.texts_per_second))}}};
}

/// A staircase: at a speed, the best accuracy that can be had with it.
Line frontier_line(const BenchResults& results) {
  Line line{.label = "frontier", .color = kNeutralColor, .dashed = true, .bare = true, .points = {}};
  std::vector<const CellResult*> cells = accuracy_frontier(results);
  std::ranges::reverse(cells);  // slowest first
  for (const CellResult* cell : cells) {
    const double y = height_of(find_accuracy(results, cell->configuration)->headline.value);
    if (!line.points.empty()) line.points.push_back({.x = line.points.back().x, .y = y});
    line.points.push_back({.x = cell->texts_per_second, .y = y});
  }
  return line;
}

void set_axes(Panel& panel) {
  const std::vector<Line>& lines = panel.lines;
  double low = 0, high = 0, slowest = 0, fastest = 0;
  for (const Line& line : lines) {
    for (const Point& point : line.points) {
      const bool first = fastest == 0;
      const bool interval = point.low < point.high;
      low = std::min(first ? point.y : low, interval ? point.low : point.y);
      high = std::max(first ? point.y : high, interval ? point.high : point.y);
      slowest = std::min(first ? point.x : slowest, point.x);
      fastest = std::max(fastest, point.x);
    }
  }
  const double missing = std::max(0.0, kLeastSpan - (high - low)) / 2;
  panel.y.ticks = linear_ticks(low - missing, high + missing, kValueTicks);
  panel.y.scale = {.low = panel.y.ticks.front().value, .high = panel.y.ticks.back().value};
  const ValueAxis speed = value_axis(slowest, fastest, kValueTicks);
  panel.x = speed.scale;
  panel.x_ticks = speed.ticks;
}

}  // namespace

Figure accuracy_figure(const BenchResults& results) {
  Figure figure{.title = "Accuracy over speed"};
  Panel panel;
  for (const CellResult* cell : best_of_backends(results)) {
    const AccuracyResult* accuracy = find_accuracy(results, cell->configuration);
    if (accuracy == nullptr || !(cell->texts_per_second > 0)) continue;
    panel.lines.push_back(point_of(results, *cell, *accuracy));
    panel.legend.push_back({panel.lines.back().label, Swatch::kMarker, panel.lines.back().color});
  }
  if (panel.lines.empty()) return figure;
  const Metric metric = results.labelled->metric;
  panel.title = figure.title;
  panel.x_title = "texts/s; further right is faster";
  panel.y_title = metric == Metric::kAccuracy ? "% of the labelled texts are right"
                                              : fmt::format("{} in hundredths", metric_words(metric));
  panel.lines.push_back(frontier_line(results));
  panel.legend.push_back({"frontier", Swatch::kDashed});
  panel.labels_suffice = true;
  set_axes(panel);
  figure.panels.push_back(std::move(panel));
  figure.description = fmt::format(
      "Every backend at its best, scored on {}, with 95 % intervals. On the frontier nothing that the gate accepted is "
      "both faster and better. The backends answered the same texts, so their differences are surer than the intervals "
      "look: see the table.",
      counted(results.labelled->texts, "labelled text"));
  return figure;
}

}  // namespace paceline
