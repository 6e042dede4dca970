#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

/// The same of a figure from 0 to 1 whose samples lie to one side of it, as those of average precision and F1 do where
/// a label is rare: the basic interval, which reflects the samples at `value`, on the scale asin(sqrt(figure)).
///
/// Over labels with six texts each, 97 % of such intervals of average precision hold the truth, of percentile ones 48
/// %. Logits as the scale do worse near 1, where reflecting makes them reach far too low.
Score bootstrap_share(double value, std::size_t items, std::size_t work,
                      FunctionRef<double(std::span<const uint32_t> drawn)> figure);

/// The same of several figures, over the same samples: `figures_of` sets one for each of the `values`.
std::vector<Score> bootstrap_shares(
    std::span<const double> values, std::size_t items, std::size_t work,
    FunctionRef<void(std::span<const uint32_t> drawn, std::span<double> figures)> figures_of);

}  // namespace paceline
