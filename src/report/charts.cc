#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "report/chart_parts.h"
#include "results/describe.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

constexpr int kLengthTicks = 6;

std::set<int32_t> batch_sizes(const BenchResults& results) {
  std::set<int32_t> sizes;
  for (const CellResult& cell : results.cells) {
    if (cell.configuration.batch_size > 0) sizes.insert(cell.configuration.batch_size);
  }
  return sizes;
}

Panel histogram_panel(const WorkloadSummary& workload) {
  Panel panel;
  panel.title = fmt::format("Length of {}", counted(workload.sequences, workload.unit()));
  panel.x_title = fmt::format("tokens per {}", workload.unit());
  panel.y_title = fmt::format("{}s", workload.unit());
  const double width = workload.histogram_width;
  const auto& counts = workload.token_histogram;
  BarSeries series;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double left = width * static_cast<double>(i);
    const auto tooltip =
        fmt::format("{:.0f} to {:.0f} tokens: {}", left, left + width - 1, counted(counts[i], workload.unit()));
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
    const auto tooltip = fmt::format("batch size {}, {}: {} padding", size, order_words(order), format_percent(ratio));
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

Figure length_figure(const BenchResults& results) {
  Figure figure{.title = "Length of the texts and padding"};
  const WorkloadSummary& workload = results.workload;
  if (!workload.token_histogram.empty()) {
    figure.panels.push_back(histogram_panel(workload));
    figure.description =
        fmt::format("{} of {} to {} tokens, {} in the mean.", counted(workload.sequences, workload.unit()),
                    workload.min_tokens, workload.max_tokens, format_number(workload.mean_tokens));
  }
  if (std::ranges::any_of(results.cells, [](const CellResult& cell) { return cell.padding_ratio > 0; }) &&
      !batch_sizes(results).empty()) {
    figure.panels.push_back(padding_panel(results));
    figure.description += " Padding: computed tokens that are not text, for backends that pad.";
  }
  return figure;
}

std::vector<NamedFigure> all_figures(const BenchResults& results) {
  std::vector<NamedFigure> figures = {{"speedup", speedup_figure(results)},
                                      {"accuracy", accuracy_figure(results)},
                                      {"ms_per_text", speed_figure(results)},
                                      {"order_gain", order_figure(results)},
                                      {"sequence_length", sweep_figure(results)},
                                      {"lengths", length_figure(results)},
                                      {"latency", latency_figure(results)},
                                      {"memory_and_load", resource_figure(results)},
                                      {"roof", roof_figure(results)}};
  std::erase_if(figures, [](const NamedFigure& named) { return named.figure.panels.empty(); });
  return figures;
}

}  // namespace paceline
