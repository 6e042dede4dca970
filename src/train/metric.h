#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "results/evaluation.h"
#include "statistics/score.h"

namespace paceline {

/// What says which evaluation is the best.
struct TrainingMetric {
  std::string_view name;
  bool higher_is_better = true;

  /// Whether the first of two values is the better one.
  bool better(double one, double other) const { return higher_is_better ? one > other : one < other; }
};

/// The mean loss, which every task has.
inline constexpr std::string_view kLossMetric = "loss";

/// `name` as --metric has it; empty: the task's first. Throws Error{invalid_argument} with those that the task has.
TrainingMetric find_metric(std::string_view name, ProblemType type);

/// Every name that some task has.
std::vector<std::string> known_metrics();

/// The metric of an evaluation with this mean loss. A correlation that cannot be told, as all answers are the same,
/// counts 0.
Score metric_score(const TrainingMetric& metric, const TaskScores& scores, double loss);

}  // namespace paceline
