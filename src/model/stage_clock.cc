#include "model/stage_clock.h"

#include <algorithm>

namespace paceline {

std::string_view stage_name(Stage stage) {
  switch (stage) {
    case Stage::kEmbedding:
      return "embedding";
    case Stage::kQueryKeyValue:
      return "query, key, value";
    case Stage::kAttention:
      return "attention";
    case Stage::kAttentionOutput:
      return "attention output";
    case Stage::kUp:
      return "feed-forward up";
    case Stage::kDown:
      return "feed-forward down";
    case Stage::kLayerNorm:
      return "LayerNorm";
    case Stage::kRounding:
      return "rounding";
    case Stage::kPooledAttention:
      return "last attention";
    case Stage::kHead:
      return "head";
    case Stage::kWaiting:
      return "waiting";
  }
  return "unknown";
}

StageTimes add_up(std::span<const StageClock> clocks, double seconds) {
  StageTimes times{.seconds = seconds, .threads = static_cast<int32_t>(clocks.size())};
  double in_stages = 0;
  for (std::size_t i = 0; i < kStages; ++i) {
    for (const StageClock& clock : clocks) times.thread_seconds[i] += clock.seconds(static_cast<Stage>(i));
    in_stages += times.thread_seconds[i];
  }
  const double outside = seconds * times.threads - in_stages;
  times.thread_seconds[static_cast<std::size_t>(Stage::kWaiting)] += std::max(0.0, outside);
  return times;
}

}  // namespace paceline
