#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace paceline {

/// Grows in a straight line from 0 to `peak` over the warm-up, then falls in one to 0 behind the last update: what
/// transformers calls the linear schedule.
struct LearningRate {
  double peak = 0;
  int64_t updates = 0;
  int64_t warmup = 0;  ///< updates

  LearningRate(double peak_rate, int64_t all_updates, double warmup_share)
      : peak(peak_rate),
        updates(all_updates),
        warmup(static_cast<int64_t>(std::ceil(static_cast<double>(all_updates) * warmup_share))) {}

  /// Of the update that `done` updates go before.
  double at(int64_t done) const {
    if (done < warmup) return peak * static_cast<double>(done) / static_cast<double>(warmup);
    const int64_t left = std::max<int64_t>(updates - done, 0);
    return peak * static_cast<double>(left) / static_cast<double>(std::max<int64_t>(updates - warmup, 1));
  }
};

}  // namespace paceline
