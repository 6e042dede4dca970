#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "report/findings.h"
#include "report/format.h"

namespace paceline {
namespace {

constexpr int kValueTicks = 5;
constexpr int kLengthTicks = 6;
/// Room beside the first and the last batch size, as a factor on the logarithmic axis: a third of the step from one
/// power of two to the next.
constexpr double kBatchMargin = 1.26;

bool has_place(const CellResult& cell) { return was_measured(cell) && cell.configuration.batch_size > 0; }

std::set<int32_t> batch_sizes(const BenchResults& results) {
  std::set<int32_t> sizes;
  for (const CellResult& cell : results.cells) {
    if (cell.configuration.batch_size > 0) sizes.insert(cell.configuration.batch_size);
  }
  return sizes;
}

Point speed_point(const CellResult& cell) {
  Point point{.x = static_cast<double>(cell.configuration.batch_size), .y = cell.ms_per_text.median};
  const std::string interval = format_interval(cell.ms_per_text);
  if (!interval.empty()) {
    point.low = cell.ms_per_text.low;
    point.high = cell.ms_per_text.high;
  }
  point.tooltip = fmt::format("{}: {} ms per text{}", configuration_words(cell.configuration), format_number(point.y),
                              interval.empty() ? "" : fmt::format(" ({})", interval));
  return point;
}

std::vector<Line> speed_lines(const BenchResults& results) {
  const std::vector<std::string> engines = engine_labels(results);
  std::map<std::pair<int, Order>, Line> lines;
  for (const CellResult& cell : results.cells) {
    if (!has_place(cell)) continue;
    const std::string engine = engine_label(results, cell.configuration);
    const int color = static_cast<int>(std::ranges::find(engines, engine) - engines.begin());
    const bool sorted = cell.configuration.order == Order::kLength;
    Line& line = lines[{color, cell.configuration.order}];
    line.label = engine + (sorted ? ", sorted" : ", as given");
    line.color = color;
    line.dashed = !sorted;
    line.points.push_back(speed_point(cell));
  }
  std::vector<Line> out;
  for (auto& [key, line] : lines) {
    std::ranges::sort(line.points, {}, &Point::x);
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<LegendEntry> speed_legend(const BenchResults& results, const std::vector<Line>& lines) {
  std::vector<LegendEntry> legend;
  const std::vector<std::string> engines = engine_labels(results);
  for (int color = 0; color < static_cast<int>(engines.size()); ++color) {
    if (std::ranges::find(lines, color, &Line::color) == lines.end()) continue;
    legend.push_back({engines[static_cast<std::size_t>(color)], Swatch::kMarker, color});
  }
  legend.push_back({"sorted by length", Swatch::kSolid, kNeutralColor});
  legend.push_back({"as given", Swatch::kDashed, kNeutralColor});
  return legend;
}

Panel histogram_panel(const WorkloadSummary& workload) {
  Panel panel;
  panel.title = fmt::format("Length of the {} texts", format_count(workload.texts));
  panel.x_title = "tokens per text";
  panel.y_title = "texts";
  const double width = workload.histogram_width;
  const auto& counts = workload.token_histogram;
  BarSeries series;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double left = width * static_cast<double>(i);
    const auto tooltip =
        fmt::format("{:.0f} to {:.0f} tokens: {} texts", left, left + width - 1, format_count(counts[i]));
    if (counts[i] > 0) series.bars.push_back({left, left + width, static_cast<double>(counts[i]), "", tooltip});
  }
  panel.bars.push_back(std::move(series));
  panel.x_ticks = linear_ticks(0, width * static_cast<double>(counts.size()), kLengthTicks);
  panel.x = {.low = 0, .high = panel.x_ticks.back().value};
  panel.y = value_axis(0, static_cast<double>(std::ranges::max(counts)), kValueTicks);
  panel.rules.push_back({workload.mean_tokens, "mean " + format_number(workload.mean_tokens)});
  if (workload.p95_tokens > workload.mean_tokens) {
    panel.rules.push_back({workload.p95_tokens, "p95 " + format_number(workload.p95_tokens)});
  }
  return panel;
}

/// Padding depends on batch size and order alone; a packed backend's cell may state 0, so the largest counts.
std::map<std::pair<Order, int32_t>, double> padding_ratios(const BenchResults& results) {
  std::map<std::pair<Order, int32_t>, double> ratios;
  for (const CellResult& cell : results.cells) {
    if (cell.configuration.batch_size == 0) continue;
    double& ratio = ratios[{cell.configuration.order, cell.configuration.batch_size}];
    ratio = std::max(ratio, cell.padding_ratio);
  }
  return ratios;
}

Panel padding_panel(const BenchResults& results) {
  Panel panel;
  panel.title = "Padding to each batch's longest text";
  panel.x_title = "texts per batch";
  panel.y_title = "% of computed tokens";
  const std::set<int32_t> sizes = batch_sizes(results);
  for (const int32_t size : sizes)
    panel.x_ticks.push_back({static_cast<double>(panel.x_ticks.size()), format_count(size)});
  panel.x = {.low = -0.5, .high = static_cast<double>(sizes.size()) - 0.5};
  constexpr double kBarWidth = 0.38;  // two of them and a gap to the next group
  double largest = 0;
  std::map<Order, BarSeries> series;
  for (const auto& [key, ratio] : padding_ratios(results)) {
    const auto [order, size] = key;
    const double centre = static_cast<double>(std::distance(sizes.begin(), sizes.find(size)));
    const double left = order == Order::kInput ? centre - kBarWidth : centre;
    const auto tooltip = fmt::format("batch {}, {}: {} padding", size, order_words(order), format_percent(ratio));
    series[order].bars.push_back({left, left + kBarWidth, 100 * ratio, fmt::format("{:.0f}", 100 * ratio), tooltip});
    largest = std::max(largest, 100 * ratio);
  }
  for (auto& [order, bars] : series) {
    bars.color = order == Order::kInput ? kFaintColor : kNeutralColor;
    panel.legend.push_back({std::string(order_words(order)), Swatch::kBar, bars.color});
    panel.bars.push_back(std::move(bars));
  }
  panel.y = value_axis(0, std::max(largest, 1.0), kValueTicks);
  return panel;
}

}  // namespace

Figure speed_figure(const BenchResults& results) {
  Figure figure{.title = "Time per text over batch size"};
  Panel panel;
  panel.lines = speed_lines(results);
  if (panel.lines.empty()) return figure;
  panel.legend = speed_legend(results, panel.lines);
  panel.title = figure.title;
  panel.x_title = "texts per batch";
  double smallest = INFINITY, largest = 0;
  std::set<double> sizes;
  for (const Line& line : panel.lines) {
    for (const Point& point : line.points) {
      smallest = std::min({smallest, point.y, point.low > 0 ? point.low : point.y});
      largest = std::max({largest, point.y, point.high});
      sizes.insert(point.x);
    }
  }
  for (const double size : sizes) panel.x_ticks.push_back({size, format_decimals(size, 0)});
  panel.x = {.low = *sizes.begin() / kBatchMargin, .high = *sizes.rbegin() * kBatchMargin, .log = true};
  panel.y = value_axis(smallest, largest, kValueTicks);
  panel.y_title = panel.y.scale.log ? "ms per text, logarithmic; lower is better" : "ms per text; lower is better";
  figure.description = fmt::format("{} lines over {} batch sizes, {} to {} ms per text.", panel.lines.size(),
                                   sizes.size(), format_number(smallest), format_number(largest));
  figure.panels.push_back(std::move(panel));
  return figure;
}

Figure length_figure(const BenchResults& results) {
  Figure figure{.title = "Length of the texts and padding"};
  const WorkloadSummary& workload = results.workload;
  if (!workload.token_histogram.empty()) {
    figure.panels.push_back(histogram_panel(workload));
    figure.description = fmt::format("{} texts of {} to {} tokens, {} in the mean.", format_count(workload.texts),
                                     workload.min_tokens, workload.max_tokens, format_number(workload.mean_tokens));
  }
  if (!batch_sizes(results).empty()) figure.panels.push_back(padding_panel(results));
  return figure;
}

std::vector<NamedFigure> all_figures(const BenchResults& results) {
  std::vector<NamedFigure> figures = {{"ms_per_text", speed_figure(results)}, {"lengths", length_figure(results)}};
  std::erase_if(figures, [](const NamedFigure& named) { return named.figure.panels.empty(); });
  return figures;
}

}  // namespace paceline
