#pragma once

#include <string>

#include "results/evaluation.h"

namespace paceline {

/// evaluation.json. An interval is {"value", "low", "high"}; what does not apply to the model's task is left out.
std::string evaluation_json(const Evaluation& evaluation);

}  // namespace paceline
