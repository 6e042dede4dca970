#pragma once

#include <optional>
#include <string>

#include "report/figure.h"
#include "results/results.h"

namespace paceline {

/// What several charts share.

inline constexpr int kValueTicks = 5;

/// How a configuration is drawn in every chart: the colour says the backend, with its device and its threads where
/// those vary, and the tone the compute type. Of one backend alone the colour says the compute type.
struct Look {
  int color = kNeutralColor;
  Tone tone = Tone::kSolid;

  friend bool operator==(const Look&, const Look&) = default;
};
Look backend_look(const BenchResults& results, const Configuration& configuration);
/// The same in faint, where the gate rejected it.
Look judged_look(const BenchResults& results, const Configuration& configuration, bool rejected);

/// The place of a configuration's backend among backend_labels().
int backend_place(const BenchResults& results, const Configuration& configuration);

/// A logarithmic axis of batch sizes or lengths with a tick at each, and room beside the first and the last.
void set_steps_axis(Panel& panel);
/// An axis for all values and intervals of a panel's lines, or of those of all panels, so that they compare by eye.
ValueAxis axis_of_lines(const std::vector<Panel>& panels);

}  // namespace paceline
