#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "model/stage_clock.h"
#include "network/network.h"

namespace paceline {

/// What one stage does for a batch, in all blocks together.
struct StageWork {
  double fp32_flops = 0;  ///< in fp32; a multiply-add counts 2, norms, softmax and activations nothing
  double bf16_flops = 0;
  double int8_flops = 0;
  /// The stage's part of forward_flops, by which every engine is measured. It is what the stage does, but for the last
  /// block's attention: that needs no keys and values of all tokens (PooledAttentionWeights).
  double counted_flops = 0;
  /// Read and written, in their types: each weight once a batch, each activation once by the stage that makes it and
  /// once by each that reads it. Not what a cache saves or a second pass costs.
  double bytes = 0;

  double flops() const { return fp32_flops + bf16_flops + int8_flops; }
};

/// The work of every stage on sequences of these lengths in tokens, by Stage. `type` is that of the products.
std::array<StageWork, kStages> stage_works(const Network& network, NumberType type, std::span<const int32_t> lengths);

}  // namespace paceline
