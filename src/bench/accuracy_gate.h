#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "evaluate/answer_collector.h"
#include "results/results.h"

namespace paceline {

/// The gate where labels are known: how often are a backend's answers right, and does a compute type cost accuracy?

/// What a compute type other than fp32 may lose of the metric where nobody says.
inline constexpr double kDefaultMaxAccuracyLoss = 0.005;
/// Even a type that changes no label is known to lose less than this from kMostLabelledTexts only: 2.77 / 10,002.
inline constexpr double kLeastMaxAccuracyLoss = 0.0003;

/// What answers are worth, with the paired difference to the oracle's; `oracle` is null for its own. None where the
/// metric is not defined: a correlation of constants.
std::optional<AccuracyResult> accuracy_of(const CollectedAnswers& answers, const CollectedAnswers* oracle,
                                          ProblemType type);

/// What a loss of accuracy is judged by.
struct AccuracyRule {
  double max_loss = kDefaultMaxAccuracyLoss;
  Metric metric = Metric::kAccuracy;
  int64_t texts = 0;     ///< labelled ones that were answered
  std::string oracle{};  ///< whose accuracy is the measure
};

/// Judges a compute type by the interval of what it loses:
///
/// - accepted where the whole interval is a loss of at most max_loss;
/// - rejected where something is lost for sure and the figure itself is beyond max_loss;
/// - else the texts are too few to tell: what the agreement decided stays, and the verdict says so.
///
/// The interval holds 0 where an exact test does not tell the two apart (metrics/paired.h), so that a handful of texts
/// rejects nothing. Of several labels it is wide where few texts have one, so that these accept nothing.
///
/// `gate` is what compare_logits() found; answers that cannot be compared stay rejected. fp32 stays judged by its
/// numbers. `accuracy` is empty where the metric is not defined, which leaves the agreement as well.
void judge_by_accuracy(GateResult& gate, const std::string& compute_type, const std::optional<AccuracyResult>& accuracy,
                       const AccuracyRule& rule);

/// Whether so many texts can show that a type loses at most `max_loss`: they must where it changes no label at all. A
/// correlation's interval has no width there.
bool can_tell(double max_loss, int64_t texts);

}  // namespace paceline
