#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "model/weight_source.h"
#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// The forward pass as one would write it down: every activation and every sum in double, each row of each block, no
/// packing of weights, no fused anything, no kernels. What all engines are checked against; a text of 30 tokens through
/// 110M weights takes about a second.
class ReferenceModel {
 public:
  /// Reads weights from `source` whenever it needs them: it must stay valid. `threads` share the output columns.
  ReferenceModel(const Network& network, WeightSource source, int32_t threads);
  ~ReferenceModel();

  /// `logits` [B, outputs]. Throws Error{invalid_argument} as check_batch does.
  void run(const PackedBatch& batch, std::span<double> logits);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
