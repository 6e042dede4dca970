#pragma once

#include <string>

#include "results/training.h"

namespace paceline {

/// training.json.
std::string training_json(const Training& training);

}  // namespace paceline
