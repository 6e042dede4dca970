#include "results/series.h"

#include <algorithm>

namespace paceline {

Series series_of(std::span<const Timing> timings, bool confirmation) {
  Series series;
  for (const Timing& timing : timings) {
    if (timing.confirmation != confirmation || timing.share <= 0) continue;
    series.rounds.push_back(timing.round);
    series.sample_seconds.push_back(timing.seconds / timing.share);
  }
  return series;
}

std::vector<double> paired_ratios(const Series& first, const Series& second) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < first.rounds.size(); ++i) {
    const auto same = std::find(second.rounds.begin(), second.rounds.end(), first.rounds[i]);
    if (same == second.rounds.end()) continue;
    const std::size_t j = static_cast<std::size_t>(same - second.rounds.begin());
    ratios.push_back(first.sample_seconds[i] / second.sample_seconds[j]);
  }
  return ratios;
}

}  // namespace paceline
