#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "results/evaluation.h"
#include "statistics/score.h"
#include "train/token_store.h"

namespace paceline {

/// What says which evaluation is the best.
struct TrainingMetric {
  /// What the texts must have, or all answers are worth the same.
  enum class Needs { kNothing, kLabels, kDifferentValues };

  std::string_view name;
  bool higher_is_better = true;
  Needs needs = Needs::kNothing;

  /// Whether the first of two values is the better one.
  bool better(double one, double other) const { return higher_is_better ? one > other : one < other; }
};

inline constexpr std::string_view kAveragePrecisionMetric = "average-precision";
/// The mean loss, which every task has.
inline constexpr std::string_view kLossMetric = "loss";

/// `name` as --metric has it; empty: the task's first. Throws Error{invalid_argument} with those that the task has.
TrainingMetric find_metric(std::string_view name, ProblemType type);

/// Every name that some task has.
std::vector<std::string> known_metrics();

/// Throws Error{invalid_argument} where the metric cannot tell one set of answers to these texts from another.
void check_metric(const TrainingMetric& metric, const TokenStore& eval);

/// The metric of an evaluation with this mean loss. Only average precision needs the scores of several labels. A
/// correlation that cannot be told, as all answers are the same, counts 0.
Score metric_score(const TrainingMetric& metric, const TaskScores& scores, double loss);

}  // namespace paceline
