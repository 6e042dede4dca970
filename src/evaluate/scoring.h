#pragma once

#include "checkpoint/checkpoint.h"
#include "evaluate/answer_collector.h"
#include "results/evaluation.h"

namespace paceline {

/// At least one text.
TaskScores score(const CollectedAnswers& answers, ProblemType type);

/// None for a regression.
std::optional<Calibration> calibrate(const CollectedAnswers& answers, ProblemType type);

/// Empty but for a single label.
std::vector<ConfusionCell> confusion_of(const CollectedAnswers& answers, ProblemType type);

/// The paired figures of two models on the texts that both answered: `answers` minus `others`. Nothing but
/// `against.texts` where there is none.
void compare(const CollectedAnswers& others, const CollectedAnswers& answers, ProblemType type,
             EvaluatedAgainst& against);

}  // namespace paceline
