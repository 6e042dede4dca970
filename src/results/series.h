#pragma once

#include <span>
#include <vector>

#include "results/results.h"

namespace paceline {

/// Figures of a cell's rounds, out of its timings.

/// What each round of one phase says the whole sample takes, in seconds, in the order of the rounds: the time of the
/// round's batches over their share of the work. Shares come from the cost model, which knows a batch's padding and the
/// cost of a run, so that one round's batches stand for all of them much better than by their tokens alone; with all
/// batches timed the share is 1 whatever the model.
struct Series {
  std::vector<int32_t> rounds;
  std::vector<double> sample_seconds;
};
Series series_of(std::span<const Timing> timings, bool confirmation);

/// Ratios first / second of the rounds that both have: above 1 where the second is faster.
std::vector<double> paired_ratios(const Series& first, const Series& second);

}  // namespace paceline
