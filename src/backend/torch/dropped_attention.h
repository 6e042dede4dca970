#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace paceline {

/// What attention does beside its products.
struct DroppedSoftmax {
  double scale = 1;  ///< of query key^T
  double share = 0;  ///< of the probabilities that are dropped
  uint64_t key = 0;  ///< DropoutMasks::next_key
};

/// softmax(scale query key^T + mask) with a share of its numbers dropped, times value: [B, H, Q, D] of [B, H, Q, D] and
/// twice [B, H, S, D]. Nothing but these and the probabilities is kept for the way back, which draws again what was
/// dropped. `mask`, where it is defined, is added and broadcast; it may take a gradient.
at::Tensor dropped_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                             const at::Tensor& mask, const DroppedSoftmax& softmax);

}  // namespace paceline
