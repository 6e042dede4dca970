#include "model/stage_clock.h"

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

}  // namespace paceline
