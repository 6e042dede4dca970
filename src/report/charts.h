#pragma once

#include <array>
#include <string>
#include <vector>

#include "report/figure.h"
#include "results/results.h"

namespace paceline {

/// The charts of a report. One without data has no panels.

/// Milliseconds per text over batch size, a line for each backend and order: in one panel, or, where the lines of many
/// backends would hide each other, in a panel for each backend with the others faint behind. Cells with a token budget
/// have no place on this axis and are left to the table.
Figure speed_figure(const BenchResults& results);
/// Milliseconds per text over its length in tokens, a panel for each batch size, both axes logarithmic. Of more than
/// five backends each one's fastest compute type that the gate accepted.
Figure sweep_figure(const BenchResults& results);
/// How many times faster sorting by length makes each backend at each batch size.
Figure order_figure(const BenchResults& results);

/// How long the texts are, and what padding they would cost at each batch size and order.
Figure length_figure(const BenchResults& results);

/// The best of each backend against the baseline.
Figure speedup_figure(const BenchResults& results);
/// The same as a share of the machine's arithmetic peak.
Figure roof_figure(const BenchResults& results);
/// Peak memory and load time of each backend.
Figure resource_figure(const BenchResults& results);
/// Percentiles of the time of a text alone.
Figure latency_figure(const BenchResults& results);

/// How often answers are right over how fast they come, each backend at its best, with the frontier.
Figure accuracy_figure(const BenchResults& results);

/// A figure and the name of its file without extension.
struct NamedFigure {
  std::string name;
  Figure figure;
};

/// The names that all_figures() gives.
inline constexpr std::array<const char*, 9> kChartNames{"speedup",    "accuracy",        "ms_per_text",
                                                        "order_gain", "sequence_length", "lengths",
                                                        "latency",    "memory_and_load", "roof"};

/// The figures for which there is data.
std::vector<NamedFigure> all_figures(const BenchResults& results);

}  // namespace paceline
