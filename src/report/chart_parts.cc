#include "report/chart_parts.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "report/findings.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Room beside the first and the last step, as a factor: a third of the way from one power of two to the next.
constexpr double kMargin = 1.26;

}  // namespace

int backend_color(const BenchResults& results, const Configuration& configuration) {
  const std::vector<std::string> labels = backend_labels(results);
  return static_cast<int>(std::ranges::find(labels, backend_label(results, configuration)) - labels.begin());
}

void set_steps_axis(Panel& panel) {
  std::set<double> steps;
  for (const Line& line : panel.lines) {
    for (const Point& point : line.points) steps.insert(point.x);
  }
  panel.x_ticks.clear();
  for (const double step : steps) panel.x_ticks.push_back({step, format_decimals(step, 0)});
  panel.x = {.low = *steps.begin() / kMargin, .high = *steps.rbegin() * kMargin, .log = true};
}

ValueAxis axis_of_lines(const std::vector<Panel>& panels) {
  double smallest = INFINITY, largest = 0;
  for (const Panel& panel : panels) {
    for (const Line& line : panel.lines) {
      for (const Point& point : line.points) {
        smallest = std::min({smallest, point.y, point.low > 0 ? point.low : point.y});
        largest = std::max({largest, point.y, point.high});
      }
    }
  }
  return value_axis(smallest, largest, kValueTicks);
}

}  // namespace paceline
