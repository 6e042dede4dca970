#pragma once

#include <span>

#include "statistics/score.h"

namespace paceline {

/// The mean with Student's interval; of a single value without width. At least one value.
Score mean_score(std::span<const double> values);

}  // namespace paceline
