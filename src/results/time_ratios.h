#pragma once

#include <array>
#include <span>

#include "results/results.h"
#include "results/statistics.h"

namespace paceline {

/// How long the cells of one run take beside one another. Whatever compares two of them asks here, so that a comparison
/// has the same figures wherever it is shown.
class TimeRatios {
 public:
  explicit TimeRatios(std::span<const CellResult> cells);

  /// The time of `slower` over that of `faster`: the median of the ratios within each round, so that what disturbed a
  /// whole round cancels. It need not equal the quotient of their two medians. Of the rounds of the confirmation where
  /// both have some, else of the exploratory ones; empty where they share none.
  ///
  /// Of below ten rounds the interval comes from the larger of the ratios' own spread and the typical one of two cells
  /// (estimate() in statistics.h).
  Estimate operator()(const CellResult& slower, const CellResult& faster) const;

 private:
  std::array<PooledSpread, 2> typical_;  ///< of exploratory rounds, of those of the confirmation
};

}  // namespace paceline
