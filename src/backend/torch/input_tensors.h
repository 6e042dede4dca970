#pragma once

#include <ATen/core/Tensor.h>

#include "backend/torch/network_forward.h"
#include "batch/padded_batch.h"
#include "network/network.h"

namespace paceline {

/// Turns packed batches into padded tensors of a device. On the CPU they are views of its own memory; for another
/// device the numbers are laid out in pinned memory and copied in one piece, without waiting.
class InputTensors {
 public:
  InputTensors(const Network& network, at::Device device) : network_(network), device_(device) {}

  /// int64 tensors [B, S], valid until the next call. All three are defined, but token_type_ids only where the network
  /// reads them. Throws Error{invalid_argument} as check_batch does for [B, outputs] logits.
  ForwardInputs make(const PackedBatch& batch, std::size_t logits_size);

  /// Whether the last batch had no padding, so that no mask is needed.
  bool rectangular() const { return rectangular_; }

 private:
  ForwardInputs pinned();

  const Network& network_;
  at::Device device_;
  PaddedBatch padded_;
  at::Tensor pinned_;  ///< int64, flat
  bool rectangular_ = false;
};

/// Copies logits [B, K] of any float dtype and device to `out`, waiting for the device. Throws Error{internal} for
/// another shape.
void copy_logits(const at::Tensor& logits, std::span<float> out);

/// Makes the calling thread compute with this many threads: PyTorch keeps the number per thread.
void use_threads(int threads);

}  // namespace paceline
