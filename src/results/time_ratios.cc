#include "results/time_ratios.h"

#include <algorithm>
#include <set>
#include <vector>

#include "results/series.h"

namespace paceline {
namespace {

/// What the ratios of two cells vary by, from all pairs. In the logarithms of I cells in n rounds, without what is
/// common to a cell or a round, (I - 1) (n - 1) numbers are free; the pairs are many more, but not independent.
PooledSpread spread_of_pairs(std::span<const CellResult> cells, bool confirmation) {
  std::vector<Series> all;
  std::set<int32_t> rounds;
  int timings = 0;
  for (const CellResult& cell : cells) {
    Series series = series_of(cell.timings, confirmation);
    if (series.rounds.empty()) continue;
    rounds.insert(series.rounds.begin(), series.rounds.end());
    timings += static_cast<int>(series.rounds.size());
    all.push_back(std::move(series));
  }
  std::vector<std::vector<double>> pairs;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size(); ++j) pairs.push_back(paired_ratios(all[i], all[j]));
  }
  PooledSpread spread = pooled_log_spread(pairs);
  const int free = timings - static_cast<int>(all.size()) - static_cast<int>(rounds.size()) + 1;
  spread.degrees = std::clamp(free, 0, spread.degrees);
  return spread;
}

}  // namespace

TimeRatios::TimeRatios(std::span<const CellResult> cells)
    : typical_{spread_of_pairs(cells, false), spread_of_pairs(cells, true)} {}

Estimate TimeRatios::operator()(const CellResult& slower, const CellResult& faster) const {
  const bool itself = slower.configuration == faster.configuration;
  for (const bool confirmation : {true, false}) {
    const std::vector<double> ratios =
        paired_ratios(series_of(slower.timings, confirmation), series_of(faster.timings, confirmation));
    if (!ratios.empty()) return itself ? estimate(ratios) : estimate(ratios, typical_[confirmation ? 1 : 0]);
  }
  return {};
}

}  // namespace paceline
