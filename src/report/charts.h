#pragma once

#include <string>
#include <vector>

#include "bench/results.h"
#include "report/figure.h"

namespace paceline {

/// Milliseconds per text over batch size, a line for each backend and order. Cells with a token budget have no place on
/// this axis and are left to the table.
Figure speed_figure(const BenchResults& results);

/// How long the texts are, and what padding they would cost at each batch size and order.
Figure length_figure(const BenchResults& results);

/// A figure and the name of its file without extension.
struct NamedFigure {
  std::string name;
  Figure figure;
};

/// The figures for which there is data.
std::vector<NamedFigure> all_figures(const BenchResults& results);

}  // namespace paceline
