#include "report/evaluation_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metrics/proportion.h"
#include "report/chart_parts.h"
#include "report/evaluation_words.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::size_t kMostLabels = 25;
constexpr std::size_t kLabelBytes = 40;

/// Percent on both axes.
void set_percent_axes(Panel& panel) {
  panel.x_ticks = linear_ticks(0, 100, kValueTicks);
  panel.x = {.low = 0, .high = 100};
  panel.y = {.scale = {.low = 0, .high = 100}, .ticks = linear_ticks(0, 100, kValueTicks)};
}

Line reliability_line(const Reliability& reliability) {
  Line line{.label = "measured", .color = 0, .dashed = false, .points = {}};
  for (const ReliabilityBin& bin : reliability.bins) {
    if (bin.predictions == 0) continue;
    const auto right = static_cast<int64_t>(std::llround(bin.right * static_cast<double>(bin.predictions)));
    const Score share = proportion(right, bin.predictions);
    line.points.push_back(
        {.x = 100 * bin.probability,
         .y = 100 * share.value,
         .low = 100 * share.low,
         .high = 100 * share.high,
         .tooltip = fmt::format("{} with a probability around {}: {} right", counted(bin.predictions, "prediction"),
                                format_percent(bin.probability), format_percent(share.value))});
  }
  return line;
}

}  // namespace

Figure reliability_figure(const Evaluation& evaluation) {
  Figure figure{.title = "Are probabilities to be believed?"};
  if (!evaluation.calibration) return figure;
  figure.description =
      "Predictions grouped by the probability that the model gave them. On the grey line it is right as often as it "
      "says; "
      "below it, it is too sure. Bars are 95 % intervals.";
  Panel panel;
  panel.title = figure.title;
  panel.x_title = "probability given, %";
  panel.y_title = "right, %";
  panel.lines.push_back({.label = "as it should be",
                         .color = kNeutralColor,
                         .dashed = true,
                         .context = true,
                         .points = {{.x = 0, .y = 0}, {.x = 100, .y = 100}}});
  panel.lines.push_back(reliability_line(evaluation.calibration->plain));
  panel.labels_suffice = true;
  set_percent_axes(panel);
  figure.panels.push_back(std::move(panel));
  return figure;
}

Figure label_figure(const Evaluation& evaluation) {
  Figure figure{.title = "F1 of each label"};
  const std::vector<LabelCounts>* labels = labels_of(evaluation.scores);
  if (labels == nullptr) return figure;
  Panel panel;
  panel.title = figure.title;
  panel.x_title = "F1; longer is better";
  for (const std::size_t k : labels_by_frequency(*labels)) {
    if (panel.rows.size() == kMostLabels) break;
    const LabelCounts& label = (*labels)[k];
    const std::string name = excerpt(evaluation.model.checkpoint.labels[k], kLabelBytes);
    panel.rows.push_back({.label = name,
                          .color = 0,
                          .value = label.f1(),
                          .value_label = format_decimals(label.f1(), 3),
                          .tooltip = fmt::format("{}: F1 {}, precision {}, recall {}, of {}", name,
                                                 format_decimals(label.f1(), 3), format_decimals(label.precision(), 3),
                                                 format_decimals(label.recall(), 3), counted(label.expected, "text"))});
  }
  panel.x_ticks = linear_ticks(0, 1, kValueTicks);
  panel.x = {.low = 0, .high = 1};
  figure.description = labels->size() > kMostLabels
                           ? fmt::format("The {} labels that most texts have; the table has all.", kMostLabels)
                           : "The labels that most texts have come first.";
  figure.panels.push_back(std::move(panel));
  return figure;
}

std::vector<NamedFigure> evaluation_figures(const Evaluation& evaluation) {
  std::vector<NamedFigure> figures{{"labels", label_figure(evaluation)},
                                   {"reliability", reliability_figure(evaluation)}};
  std::erase_if(figures, [](const NamedFigure& named) { return named.figure.panels.empty(); });
  return figures;
}

}  // namespace paceline
