#include "report/training_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "report/chart_parts.h"
#include "report/training_words.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Points that a line of this width still shows apart.
constexpr std::size_t kMostPoints = 60;

/// The mean of each stretch of points that stand for about as many updates.
std::vector<LossPoint> thinned(const std::vector<LossPoint>& points) {
  const std::size_t stretch = (points.size() + kMostPoints - 1) / kMostPoints;
  std::vector<LossPoint> thin;
  for (std::size_t first = 0; first < points.size(); first += stretch) {
    const std::size_t end = std::min(first + stretch, points.size());
    LossPoint mean = points[end - 1];
    mean.loss = 0;
    for (std::size_t i = first; i < end; ++i) mean.loss += points[i].loss / static_cast<double>(end - first);
    thin.push_back(mean);
  }
  return thin;
}

/// Updates from 0 on.
void set_update_axis(Panel& panel, const Training& training) {
  const auto last = static_cast<double>(std::max<int64_t>(training.updates, 1));
  panel.x_title = "updates";
  panel.x_ticks = linear_ticks(0, last, kValueTicks);
  panel.x = {.low = 0, .high = std::max(last, panel.x_ticks.back().value)};
}

/// An axis around all values, which need not begin at zero.
void set_value_axis(Panel& panel) {
  double low = panel.lines.front().points.front().y;
  double high = low;
  for (const Line& line : panel.lines) {
    for (const Point& point : line.points) {
      const bool interval = point.low < point.high;
      low = std::min(low, interval ? point.low : point.y);
      high = std::max(high, interval ? point.high : point.y);
    }
  }
  panel.y.ticks = linear_ticks(low, high, kValueTicks);
  panel.y.scale = {.low = panel.y.ticks.front().value, .high = panel.y.ticks.back().value};
}

Figure figure_of(Panel panel, std::string description) {
  Figure figure{.title = panel.title, .description = std::move(description)};
  panel.labels_suffice = true;
  set_value_axis(panel);
  figure.panels.push_back(std::move(panel));
  return figure;
}

}  // namespace

Figure training_loss_figure(const Training& training) {
  Panel panel;
  panel.title = "Loss";
  panel.y_title = "loss; lower is better";
  set_update_axis(panel, training);
  Line learnt{.label = "train", .color = 0, .points = {}};
  for (const LossPoint& point : thinned(training.history.losses)) {
    learnt.points.push_back({.x = static_cast<double>(point.update),
                             .y = point.loss,
                             .tooltip = fmt::format("up to update {}: train loss {}", format_count(point.update),
                                                    format_number(point.loss))});
  }
  Line eval{.label = "eval", .color = 1, .points = {}};
  for (const EvaluationPoint& point : training.history.evaluations) {
    eval.points.push_back(
        {.x = static_cast<double>(point.update),
         .y = point.loss,
         .tooltip = fmt::format("update {}: eval loss {}", format_count(point.update), format_number(point.loss))});
  }
  panel.lines = {std::move(learnt), std::move(eval)};
  return figure_of(std::move(panel),
                   "Where the loss of the eval file rises while that of the train file falls, the model learns its "
                   "train texts by heart.");
}

Figure training_metric_figure(const Training& training) {
  Panel panel;
  panel.title = fmt::format("{} on the eval file", metric_words(training.metric));
  panel.y_title = metric_words(training.metric);
  set_update_axis(panel, training);
  Line line{.label = metric_words(training.metric), .color = 1, .points = {}};
  for (const EvaluationPoint& point : training.history.evaluations) {
    line.points.push_back({.x = static_cast<double>(point.update),
                           .y = point.metric,
                           .low = point.low,
                           .high = point.high,
                           .tooltip = fmt::format("update {}: {}", format_count(point.update),
                                                  metric_value_words(training.metric, point))});
  }
  panel.lines.push_back(std::move(line));
  panel.rules.push_back({static_cast<double>(training.history.best_update), "kept"});
  return figure_of(std::move(panel), "The weights of the best evaluation are kept. Bars are 95 % intervals.");
}

Figure learning_rate_figure(const Training& training) {
  Panel panel;
  panel.title = "Learning rate";
  panel.y_title = "learning rate";
  set_update_axis(panel, training);
  Line line{.label = "learning rate", .color = 2, .points = {}};
  for (const LossPoint& point : thinned(training.history.losses)) {
    line.points.push_back(
        {.x = static_cast<double>(point.update),
         .y = point.learning_rate,
         .tooltip = fmt::format("update {}: {}", format_count(point.update), format_number(point.learning_rate))});
  }
  panel.lines.push_back(std::move(line));
  return figure_of(std::move(panel), "It grows over the warm-up and then falls in a straight line.");
}

std::vector<NamedFigure> training_figures(const Training& training) {
  return {{"loss", training_loss_figure(training)},
          {"metric", training_metric_figure(training)},
          {"learning_rate", learning_rate_figure(training)}};
}

}  // namespace paceline
