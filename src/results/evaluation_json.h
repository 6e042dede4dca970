#pragma once

#include <string>
#include <vector>

#include "base/json_text.h"
#include "results/evaluation.h"

namespace paceline {

/// evaluation.json. An interval is {"value", "low", "high"}; what does not apply to the model's task is left out.
std::string evaluation_json(const Evaluation& evaluation);

/// Its field "scores". `names` of the labels.
OrderedJson scores_json(const TaskScores& scores, const std::vector<std::string>& names);

}  // namespace paceline
