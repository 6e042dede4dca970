#pragma once

#include "results/results.h"

namespace paceline {

/// What is derived of a profile's figures, alike in profile.json and on the terminal. 0 where nothing was timed.

inline double per_ms(double amount, double ms) { return ms > 0 ? amount / ms : 0; }

inline double time_share(const StageFigures& stage, const StageProfile& profile) {
  return per_ms(stage.ms, profile.total.ms);
}
/// 10^9 operations and bytes a second.
inline double gflops(const StageFigures& stage) { return per_ms(stage.flops, stage.ms) / 1e6; }
inline double gbps(const StageFigures& stage) { return per_ms(stage.bytes, stage.ms) / 1e6; }
inline double counted_gflops(const StageProfile& profile) {
  return per_ms(profile.counted_flops, profile.total.ms) / 1e6;
}
inline double ms_per_text(const StageProfile& profile) {
  return profile.texts > 0 ? profile.total.ms * profile.batches / static_cast<double>(profile.texts) : 0;
}

}  // namespace paceline
