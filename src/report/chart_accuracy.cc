#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/accuracy_findings.h"
#include "report/chart_parts.h"
#include "report/charts.h"
#include "report/findings.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Nobody should read more out of the height than that: in the axis' unit, see height_of.
constexpr double kLeastSpan = 0.2;
/// A rejected type that loses this much more than the others' intervals reach is drawn at the bottom, and an interval
/// of one that reaches further is cut there and at the top: it would leave the others a line.
constexpr double kMostBeyond = 5;

/// Accuracy changes by points, other figures by hundredths: one scale serves all.
double height_of(double value) { return 100 * value; }

std::string change_words(const BenchResults& results, const AccuracyResult& accuracy) {
  if (!accuracy.difference) return "the others are compared with it";
  return metric_change(results.labelled->metric, *accuracy.difference);
}

Spot spot_of(const BenchResults& results, const CellResult& cell, const AccuracyResult& accuracy) {
  const Configuration& is = cell.configuration;
  const bool rejected = was_rejected(results, cell);
  const Look look = judged_look(results, is, rejected);
  const Metric metric = results.labelled->metric;
  const Score change = accuracy_change(accuracy);
  Spot spot{.label = backend_label(results, is), .color = look.color, .tone = look.tone, .point = {}};
  spot.chosen = is_recommended(results, cell);
  if (rejected) spot.label += " (rejected)";
  if (spot.chosen) spot.label += " (recommended)";
  spot.point = {.x = cell.texts_per_second,
                .y = height_of(change.value),
                .low = height_of(change.low),
                .high = height_of(change.high),
                .tooltip = fmt::format("{}: {} texts/s, {} {}, change {}", configuration_words(is),
                                       format_number(cell.texts_per_second), metric_words(metric),
                                       metric_score(metric, accuracy.headline), change_words(results, accuracy))};
  return spot;
}

/// A staircase: at a speed, the best change that can be had with it.
Line frontier_line(const BenchResults& results) {
  Line line{.label = "frontier", .color = kNeutralColor, .dashed = true, .bare = true, .points = {}};
  std::vector<const CellResult*> cells = accuracy_frontier(results);
  std::ranges::reverse(cells);  // slowest first
  for (const CellResult* cell : cells) {
    const double y = height_of(accuracy_change(*find_accuracy(results, cell->configuration)).value);
    if (!line.points.empty()) line.points.push_back({.x = line.points.back().x, .y = y});
    line.points.push_back({.x = cell->texts_per_second, .y = y});
  }
  return line;
}

/// The lowest and the highest of what the axis has to hold.
struct Span {
  double low = 0, high = 0;
  void hold(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

/// Points far below the others stand at the bottom; their names say how far below they are.
void set_axes(Panel& panel) {
  Span span, speed{panel.spots.front().point.x, panel.spots.front().point.x};
  for (const Level& level : panel.levels) span.hold(level.y);
  for (const Spot& spot : panel.spots) {
    speed.hold(spot.point.x);
    if (spot.color == kFaintColor) continue;
    span.hold(spot.point.low);
    span.hold(spot.point.high);
  }
  const double beyond = kMostBeyond * std::max(span.high - span.low, kLeastSpan);
  const Span farthest{span.low - beyond, span.high + beyond};
  for (const Spot& spot : panel.spots) {
    span.low = std::min(span.low, std::max(spot.point.low, farthest.low));
    span.high = std::max(span.high, std::min(spot.point.high, farthest.high));
  }
  const double missing = std::max(0.0, kLeastSpan - (span.high - span.low)) / 2;
  panel.y.ticks = linear_ticks(span.low - missing, span.high + missing, kValueTicks);
  panel.y.scale = {.low = panel.y.ticks.front().value, .high = panel.y.ticks.back().value};
  for (Spot& spot : panel.spots) {
    Point& point = spot.point;
    point.high = std::min(point.high, panel.y.scale.high);
    if (point.low >= panel.y.scale.low) continue;
    point.low = panel.y.scale.low;
    if (point.y >= panel.y.scale.low) continue;
    spot.label += fmt::format(", far below: {}", format_decimals(point.y, 1));
    point.y = point.low = point.high = panel.y.scale.low;
  }
  const ValueAxis axis = value_axis(speed.low, speed.high, kValueTicks);
  panel.x = axis.scale;
  panel.x_ticks = axis.ticks;
}

std::string axis_words(const LabelledSummary& is) {
  if (is.metric == Metric::kAccuracy) return fmt::format("points of accuracy more or less than {}", is.oracle);
  return fmt::format("{} more or less than {}, in hundredths", metric_words(is.metric), is.oracle);
}

}  // namespace

Figure accuracy_figure(const BenchResults& results) {
  Figure figure{.title = "Accuracy over speed"};
  Panel panel;
  for (const CellResult* cell : best_of_backends(results)) {
    const AccuracyResult* accuracy = find_accuracy(results, cell->configuration);
    if (accuracy == nullptr || !(cell->texts_per_second > 0)) continue;
    panel.spots.push_back(spot_of(results, *cell, *accuracy));
  }
  if (panel.spots.size() < 2) return figure;
  // Numbered by speed, so that a list of names reads as a ranking.
  std::ranges::stable_sort(panel.spots, std::greater(), [](const Spot& spot) { return spot.point.x; });
  panel.title = figure.title;
  panel.x_title = "texts/s; further right is faster";
  panel.y_title = axis_words(*results.labelled);
  panel.levels.push_back({0, ""});
  if (const std::optional<double> loss = results.constraints.max_accuracy_loss) {
    panel.levels.push_back({-height_of(*loss), "what may be lost"});
  }
  if (Line frontier = frontier_line(results); frontier.points.size() > 1) {
    panel.lines.push_back(std::move(frontier));
    panel.legend.push_back({"frontier", Swatch::kDashed});
  }
  set_axes(panel);
  figure.panels.push_back(std::move(panel));
  figure.description = fmt::format(
      "Every backend at its best, scored on {}: how much more or less often it is right than {} on the same texts, "
      "with 95 % intervals. On the frontier each is surely better than the faster one before it. The recommended one "
      "is in a ring.",
      counted(results.labelled->texts, "labelled text"), results.labelled->oracle);
  return figure;
}

}  // namespace paceline
