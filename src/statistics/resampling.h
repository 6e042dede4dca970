#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/function_ref.h"
#include "statistics/score.h"

namespace paceline {

/// Percentile bootstrap: draws as many items as there are, with replacement, again and again, and asks `figure` of each
/// such sample. `drawn[i]`: how often item i is in it. The 95 % interval always holds `value`, the figure of the items
/// themselves. The seed is fixed: the same items give the same interval.
///
/// `work`: what one sample costs, in the order of items looked at; 1,000 samples are drawn, fewer (at least 200) where
/// that would take long. The ends' own error is then 4 to 10 % of half the interval.
Score bootstrap(double value, std::size_t items, std::size_t work,
                FunctionRef<double(std::span<const uint32_t> drawn)> figure);

}  // namespace paceline
