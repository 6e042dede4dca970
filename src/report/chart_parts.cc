#include "report/chart_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "report/findings.h"
#include "results/describe.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Room beside the first and the last step, as a factor: a third of the way from one power of two to the next.
constexpr double kMargin = 1.26;

/// What has a colour of its own: a backend whatever it computes in.
std::string color_key(const BenchResults& results, Configuration is) {
  is.compute_type.clear();
  // Threads and instances count where backend_label() names them.
  const bool same = std::ranges::all_of(results.cells, [&](const CellResult& cell) {
    return cell.configuration.threads == is.threads && cell.configuration.instances == is.instances;
  });
  return same ? backend_words(is) : fmt::format("{}, {} x {}", backend_words(is), is.instances, is.threads);
}

std::vector<std::string> color_keys(const BenchResults& results) {
  std::vector<std::string> keys;
  for (const CellResult& cell : results.cells) {
    std::string key = color_key(results, cell.configuration);
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
  }
  return keys;
}

Tone tone_of(std::string_view compute_type) {
  if (compute_type == "bf16") return Tone::kHollow;
  if (compute_type == "int8") return Tone::kStriped;
  if (compute_type == "bf16-autocast") return Tone::kBarred;
  if (compute_type == "fp16") return Tone::kPale;
  return Tone::kSolid;
}

}  // namespace

Look backend_look(const BenchResults& results, const Configuration& configuration) {
  const std::vector<std::string> keys = color_keys(results);
  if (keys.size() < 2) return {.color = backend_place(results, configuration)};
  const auto key = std::ranges::find(keys, color_key(results, configuration));
  return {.color = static_cast<int>(key - keys.begin()), .tone = tone_of(configuration.compute_type)};
}

Look judged_look(const BenchResults& results, const Configuration& configuration, bool rejected) {
  Look look = backend_look(results, configuration);
  if (rejected) look.color = kFaintColor;
  return look;
}

int backend_place(const BenchResults& results, const Configuration& configuration) {
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
