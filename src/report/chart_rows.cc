#include <fmt/format.h>

#include <algorithm>

#include "report/chart_parts.h"
#include "report/charts.h"
#include "report/findings.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

void set_value_axis(Panel& panel) {
  double largest = 0;
  for (const FigureRow& row : panel.rows) {
    largest = std::max({largest, row.value, row.high});
    for (const Point& point : row.points) largest = std::max(largest, point.x);
  }
  panel.x_ticks = linear_ticks(0, largest, kValueTicks);
  panel.x = {.low = 0, .high = panel.x_ticks.back().value};
}

std::string with_verdict(const BenchResults& results, const CellResult& cell) {
  const std::string label = backend_label(results, cell.configuration);
  return was_rejected(results, cell) ? label + " (rejected)" : label;
}

/// The row of a backend's best cell; faint where its answers differ.
FigureRow backend_row(const BenchResults& results, const CellResult& cell) {
  const Look look = judged_look(results, cell.configuration, was_rejected(results, cell));
  return {.label = with_verdict(results, cell), .color = look.color, .tone = look.tone};
}

Figure single(std::string title, std::string description, Panel panel) {
  Figure figure{.title = std::move(title), .description = std::move(description)};
  if (panel.rows.empty()) return figure;
  panel.title = figure.title;
  set_value_axis(panel);
  figure.panels.push_back(std::move(panel));
  return figure;
}

std::string resource_label(const BackendResult& backend) {
  std::string label = backend_words(backend);
  if (backend.instances > 1) label += ", " + counted(backend.instances, "instance");
  return label;
}

FigureRow resource_row(const BenchResults& results, const BackendResult& backend) {
  const Configuration is{.backend = backend.backend,
                         .compute_type = backend.compute_type,
                         .device = backend.device,
                         .threads = backend.threads,
                         .instances = backend.instances};
  const Look look = judged_look(results, is, was_rejected(backend));
  return {.label = resource_label(backend), .color = look.color, .tone = look.tone};
}

void add_resource(Figure& figure, std::string title, std::string unit, std::vector<FigureRow> rows) {
  if (rows.empty()) return;
  Panel& panel = figure.panels.emplace_back();
  panel.title = std::move(title);
  panel.x_title = std::move(unit);
  panel.rows = std::move(rows);
  set_value_axis(panel);
}

}  // namespace

Figure speedup_figure(const BenchResults& results) {
  Panel panel;
  panel.x_title = "times as fast as the baseline; longer is better";
  for (const CellResult* cell : best_of_backends(results)) {
    if (!has_median(cell->speedup)) continue;
    FigureRow row = backend_row(results, *cell);
    row.value = cell->speedup.median;
    if (has_interval(cell->speedup)) {
      row.low = cell->speedup.low;
      row.high = cell->speedup.high;
    }
    row.value_label = format_ratio(row.value);
    row.tooltip = fmt::format("{}: {} times as fast{}, {} ms per text{}", configuration_words(cell->configuration),
                              format_number(row.value), interval_in_brackets(cell->speedup),
                              format_number(cell->ms_per_text.median), cell->confirmed ? "" : ", exploratory");
    panel.rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(panel.rows, std::greater(), &FigureRow::value);
  panel.rules.push_back({1, "baseline"});
  const std::string baseline = results.baseline ? configuration_words(*results.baseline) : "";
  return single("Speed-up over the baseline",
                fmt::format("Every backend at its best. The dashed line is the baseline: {}.", baseline),
                std::move(panel));
}

Figure roof_figure(const BenchResults& results) {
  Panel panel;
  panel.x_title = "% of the arithmetic that this machine can do";
  for (const CellResult* cell : best_of_backends(results)) {
    if (!(cell->roof_share > 0)) continue;
    FigureRow row = backend_row(results, *cell);
    row.value = 100 * cell->roof_share;
    row.value_label = format_percent(cell->roof_share, 0);
    row.tooltip = fmt::format("{}: {} of the roof", configuration_words(cell->configuration), row.value_label);
    panel.rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(panel.rows, std::greater(), &FigureRow::value);
  return single("Share of the machine's roof",
                "The roof is the peak of this machine's arithmetic in that compute type, measured in this run. What is "
                "missing is what a better backend could still gain.",
                std::move(panel));
}

Figure resource_figure(const BenchResults& results) {
  Figure figure{.title = "Memory and load time", .description = "Of each backend in a process of its own."};
  std::vector<FigureRow> memory, load;
  for (const BackendResult& backend : results.backends) {
    const FigureRow named = resource_row(results, backend);
    if (backend.peak_memory_bytes > 0) {
      memory.push_back(named);
      memory.back().value = static_cast<double>(backend.peak_memory_bytes) / 1e9;
      memory.back().value_label = format_bytes(backend.peak_memory_bytes);
      memory.back().tooltip = fmt::format("{}: {} at its peak", named.label, memory.back().value_label);
    }
    if (backend.load_ms > 0) {
      load.push_back(named);
      load.back().value = backend.load_ms;
      load.back().value_label = format_number(backend.load_ms) + " ms";
      load.back().tooltip = fmt::format("{}: loaded in {}", named.label, load.back().value_label);
    }
  }
  add_resource(figure, "Peak memory", "GB", std::move(memory));
  add_resource(figure, "Load time", "ms", std::move(load));
  return figure;
}

Figure latency_figure(const BenchResults& results) {
  Panel panel;
  panel.x_title = "ms until the answer to one text";
  std::vector<std::string> seen;
  for (const CellResult& cell : results.cells) {
    if (!was_measured(cell) || !has_latency(cell)) continue;
    const std::string label = backend_label(results, cell.configuration);
    if (std::ranges::find(seen, label) != seen.end()) continue;
    seen.push_back(label);
    FigureRow row = backend_row(results, cell);
    for (const auto& [name, ms] :
         {std::pair("p50", cell.p50_ms), {"p90", cell.p90_ms}, {"p95", cell.p95_ms}, {"p99", cell.p99_ms}}) {
      row.points.push_back({.x = ms,
                            .tooltip = fmt::format("{}, batch 1: {} {} ms", backend_words(cell.configuration), name,
                                                   format_number(ms))});
    }
    row.value_label = format_number(cell.p99_ms) + " ms";
    panel.rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(panel.rows, {}, [](const FigureRow& row) { return row.points.front().x; });
  int shape = 0;
  for (const char* name : {"p50", "p90", "p95", "p99"}) panel.legend.push_back({name, Swatch::kShape, shape++});
  return single("Latency of one text alone",
                "At batch size 1: half of the texts are answered within p50, all but one in a hundred within p99. "
                "Longer texts take longer, so the spread is mostly that of your texts.",
                std::move(panel));
}

}  // namespace paceline
