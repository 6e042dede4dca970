#pragma once

#include <vector>

#include "bench/bench.h"
#include "results/results.h"

namespace paceline {

/// Cells that the confirmation measures again, in the order in which they are needed: the three fastest that may be
/// recommended, the baseline, the fastest of every other backend and compute type that the gate accepted (a claim about
/// another engine needs figures as good as ours). Indices into results.cells.
std::vector<std::size_t> choose_finalists(const BenchResults& results, std::size_t baseline);

/// The fastest confirmed cell that respects results.constraints. Among those that are interchangeable() with it the
/// smaller batch wins, then less memory, then fewer dependencies. Without any, `valid` is false and `reason` says why.
Recommendation recommend(const BenchResults& results);

}  // namespace paceline
