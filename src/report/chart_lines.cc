#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "report/chart_parts.h"
#include "report/charts.h"
#include "report/findings.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "results/time_ratios.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// More backends than these hide each other in one panel.
constexpr std::size_t kInOnePanel = 3;

bool has_place(const CellResult& cell) { return was_measured(cell) && cell.configuration.batch_size > 0; }

Point estimate_point(double x, const Estimate& estimate) {
  Point point{.x = x, .y = estimate.median};
  if (has_interval(estimate)) {
    point.low = estimate.low;
    point.high = estimate.high;
  }
  return point;
}

/// Whether a chart of these lines would show nothing: they have one place on its axis.
bool at_one_place(const std::vector<Line>& lines) {
  std::set<double> places;
  for (const Line& line : lines) {
    for (const Point& point : line.points) places.insert(point.x);
  }
  return places.size() < 2;
}

void set_look(Line& line, const Look& look) {
  line.color = look.color;
  line.tone = look.tone;
}

Look look_of(const Line& line) { return {line.color, line.tone}; }

void sort_points(std::vector<Line>& lines) {
  for (Line& line : lines) std::ranges::sort(line.points, {}, &Point::x);
}

std::vector<Line> speed_lines(const BenchResults& results) {
  std::map<std::pair<int, Order>, Line> lines;
  for (const CellResult& cell : results.cells) {
    if (!has_place(cell)) continue;
    const Configuration& is = cell.configuration;
    const bool sorted = is.order == Order::kLength;
    Line& line = lines[{backend_place(results, is), is.order}];
    line.label = backend_label(results, is) + (sorted ? ", sorted" : ", as given");
    set_look(line, backend_look(results, is));
    line.dashed = !sorted;
    Point point = estimate_point(is.batch_size, cell.ms_per_text);
    point.tooltip = fmt::format("{}: {} ms per text{}", configuration_words(is), format_number(point.y),
                                interval_in_brackets(cell.ms_per_text));
    line.points.push_back(std::move(point));
  }
  std::vector<Line> out;
  for (auto& [place, line] : lines) out.push_back(std::move(line));
  sort_points(out);
  return out;
}

void add_order_legend(std::vector<LegendEntry>& legend) {
  legend.push_back({"sorted by length", Swatch::kSolid, kNeutralColor});
  legend.push_back({"as given", Swatch::kDashed, kNeutralColor});
}

std::vector<LegendEntry> backend_legend(const BenchResults& results, const std::vector<Line>& lines) {
  std::vector<LegendEntry> legend;
  std::set<int> seen;
  for (const CellResult& cell : results.cells) {
    if (!seen.insert(backend_place(results, cell.configuration)).second) continue;
    const Look look = backend_look(results, cell.configuration);
    if (std::ranges::find(lines, look, look_of) == lines.end()) continue;
    legend.push_back({backend_label(results, cell.configuration), Swatch::kMarker, look.color, look.tone});
  }
  return legend;
}

/// A panel for each backend: its own lines before those of all others.
std::vector<Panel> backend_panels(const BenchResults& results, const std::vector<Line>& lines) {
  std::vector<Panel> panels;
  for (const LegendEntry& entry : backend_legend(results, lines)) {
    Panel panel;
    panel.title = entry.label;
    for (const Line& line : lines) {
      const bool own = look_of(line) == Look{entry.color, entry.tone};
      if (!own && line.dashed) continue;
      panel.lines.push_back(line);
      panel.lines.back().context = !own;
    }
    panels.push_back(std::move(panel));
  }
  return panels;
}

/// What sorting gains, in the rounds that both orders have.
std::optional<Point> gain_point(const BenchResults& results, const TimeRatios& time_ratio, const CellResult& sorted) {
  Configuration given = sorted.configuration;
  given.order = Order::kInput;
  const CellResult* before = find_cell(results, given);
  if (before == nullptr || !was_measured(*before)) return std::nullopt;
  const Estimate gain = time_ratio(*before, sorted);
  if (!has_median(gain)) return std::nullopt;
  Point point = estimate_point(given.batch_size, gain);
  point.tooltip = fmt::format("{}, batch size {}: {} times as fast sorted by length{}", backend_words(given),
                              given.batch_size, format_decimals(gain.median, 2), interval_in_brackets(gain));
  return point;
}

}  // namespace

Figure speed_figure(const BenchResults& results) {
  Figure figure{.title = "Time per text over batch size"};
  const std::vector<Line> lines = speed_lines(results);
  if (lines.empty()) return figure;
  std::vector<LegendEntry> legend = backend_legend(results, lines);
  figure.small_multiples = legend.size() > kInOnePanel;
  if (figure.small_multiples && at_one_place(lines)) return figure;
  if (figure.small_multiples) {
    figure.panels = backend_panels(results, lines);
    add_order_legend(figure.legend);
    figure.legend.push_back({"the others, sorted", Swatch::kContext});
  } else {
    Panel panel;
    panel.title = figure.title;
    panel.lines = lines;
    panel.legend = std::move(legend);
    add_order_legend(panel.legend);
    figure.panels.push_back(std::move(panel));
  }
  const ValueAxis axis = axis_of_lines(figure.panels);
  const std::string unit =
      axis.scale.log ? "ms per text, logarithmic; lower is better" : "ms per text; lower is better";
  for (Panel& panel : figure.panels) {
    set_steps_axis(panel);
    panel.y = axis;
    if (!figure.small_multiples) {
      panel.x_title = "texts per batch";
      panel.y_title = unit;
    }
  }
  if (figure.small_multiples) figure.subtitle = unit;
  figure.description = "What larger batches gain. A line that rises to the right shows time lost on padding.";
  return figure;
}

Figure sweep_figure(const BenchResults& results) {
  Figure figure{.title = "Time per text over its length"};
  const std::set<std::string> shown = backends_to_compare(results);
  std::map<int32_t, std::map<int, Line>> lines;
  for (const LengthResult& row : results.length_sweep) {
    const Configuration& is = row.configuration;
    const std::string label = backend_label(results, is);
    if (!has_median(row.ms_per_text) || !shown.contains(label)) continue;
    Line& line = lines[is.batch_size][backend_place(results, is)];
    line.label = label;
    set_look(line, backend_look(results, is));
    Point point = estimate_point(row.tokens, row.ms_per_text);
    point.tooltip = fmt::format("{}, batch size {}, {} tokens: {} ms per text{}", backend_words(is), is.batch_size,
                                row.tokens, format_number(point.y), interval_in_brackets(row.ms_per_text));
    line.points.push_back(std::move(point));
  }
  std::vector<Line> all;
  for (auto& [batch_size, of_batch] : lines) {
    Panel panel;
    panel.title = batch_size == 1 ? "One text alone" : fmt::format("Batches of {}", batch_size);
    panel.x_title = "tokens per text";
    panel.y_title = "ms per text";
    for (auto& [place, line] : of_batch) panel.lines.push_back(std::move(line));
    sort_points(panel.lines);
    all.insert(all.end(), panel.lines.begin(), panel.lines.end());
    set_steps_axis(panel);
    figure.panels.push_back(std::move(panel));
  }
  if (at_one_place(all)) {
    figure.panels.clear();
    return figure;
  }
  const ValueAxis axis = axis_of_lines(figure.panels);
  for (Panel& panel : figure.panels) panel.y = axis;
  std::vector<LegendEntry> legend = backend_legend(results, all);
  (figure.panels.size() > 1 ? figure.legend : figure.panels.front().legend) = std::move(legend);
  figure.description =
      "Texts of exactly this length, made up of the words of yours. Where a line is flat, memory or "
      "overhead limits the backend, not arithmetic.";
  if (best_of_backends(results).size() > shown.size()) {
    figure.description += " Each backend at its fastest compute type that the gate accepted.";
  }
  return figure;
}

Figure order_figure(const BenchResults& results) {
  Figure figure{.title = "What sorting by length gains"};
  const TimeRatios time_ratio(results.cells);
  std::map<int, Line> lines;
  bool can_gain = false;  // one text alone has no order
  for (const CellResult& cell : results.cells) {
    if (!has_place(cell) || cell.configuration.order != Order::kLength) continue;
    std::optional<Point> point = gain_point(results, time_ratio, cell);
    if (!point) continue;
    can_gain |= cell.configuration.batch_size > 1;
    Line& line = lines[backend_place(results, cell.configuration)];
    line.label = backend_label(results, cell.configuration);
    set_look(line, backend_look(results, cell.configuration));
    line.points.push_back(*std::move(point));
  }
  if (!can_gain) return figure;
  Panel panel;
  panel.title = figure.title;
  panel.x_title = "texts per batch";
  panel.y_title = "times as fast as in the order given; 1 is no gain";
  for (auto& [place, line] : lines) panel.lines.push_back(std::move(line));
  sort_points(panel.lines);
  set_steps_axis(panel);
  panel.legend = backend_legend(results, panel.lines);
  panel.labels_suffice = true;
  figure.panels.push_back(std::move(panel));
  figure.panels.front().y = axis_of_lines(figure.panels);
  figure.description = "Sorting saves padding. Backends that do not pad hardly change.";
  return figure;
}

}  // namespace paceline
