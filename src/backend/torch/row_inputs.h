#pragma once

#include "backend/torch/forward_state.h"
#include "backend/torch/row_layout.h"
#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// Turns packed batches into the tensors of a pass that computes real tokens alone, on the CPU.
class RowInputs {
 public:
  explicit RowInputs(const Network& network) : network_(network) {}

  /// int64 tensors [T] with their layout, valid until the next call. Throws Error{invalid_argument} as check_batch does
  /// for [B, outputs] logits.
  ForwardInputs make(const PackedBatch& batch, std::size_t logits_size);

 private:
  const Network& network_;
  RowLayout layout_;
};

}  // namespace paceline
