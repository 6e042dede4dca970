#pragma once

#include <vector>

#include "bench/bench.h"
#include "bench/results.h"

namespace paceline {

/// What a configuration has to respect to be recommended.
struct Constraints {
  Objective objective = Objective::kThroughput;
  double max_latency_ms = 0;     ///< p99 of its backend at batch size 1; 0: no limit
  int64_t max_memory_bytes = 0;  ///< peak of its worker; 0: no limit
  double price_per_hour = 0;     ///< only for the words
};

/// Cells that the confirmation measures again, in the order in which they are needed: the three fastest that may be
/// recommended, the baseline, the fastest of every other backend and compute type that passed the gate (a claim about
/// another engine needs figures as good as ours). Indices into results.cells.
std::vector<std::size_t> choose_finalists(const BenchResults& results, std::size_t baseline,
                                          const Constraints& constraints);

/// The fastest confirmed cell that respects the constraints. Among those that are interchangeable() with it the smaller
/// batch wins, then less memory, then fewer dependencies. Without any, `valid` is false and `reason` says why.
Recommendation recommend(const BenchResults& results, const Constraints& constraints);

}  // namespace paceline
