#pragma once

#include <optional>
#include <string>

#include "report/figure.h"
#include "results/results.h"

namespace paceline {

/// What several charts share.

inline constexpr int kValueTicks = 5;

/// The place of a configuration's backend in the palette.
int backend_color(const BenchResults& results, const Configuration& configuration);

/// A logarithmic axis of batch sizes or lengths with a tick at each, and room beside the first and the last.
void set_steps_axis(Panel& panel);
/// An axis for all values and intervals of a panel's lines, or of those of all panels, so that they compare by eye.
ValueAxis axis_of_lines(const std::vector<Panel>& panels);

}  // namespace paceline
