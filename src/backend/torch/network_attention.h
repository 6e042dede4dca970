#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>

#include "backend/torch/forward_state.h"
#include "backend/torch/network_weights.h"
#include "backend/torch/position_scores.h"
#include "network/network.h"

namespace paceline {

/// Attention of a network, with what it derives from the places of tokens.
class NetworkAttention {
 public:
  /// `network` and `weights`, which is on `device`, must outlive this.
  NetworkAttention(const Network& network, const NetworkWeights& weights, at::Device device);

  /// What the layers of a pass over these inputs share.
  ForwardState start(const ForwardInputs& inputs) const;

  /// x [B, S, C] -> [B, S, C]; with a layout [T, C] -> [T, C], or [B, C] of the pooled rows alone.
  at::Tensor attend(const at::Tensor& x, const SelfAttention& attention, ForwardState& pass, bool pooled) const;

 private:
  AttentionState start_padded(const ForwardInputs& inputs) const;
  AttentionState start_group(const SequenceGroup& sequences, int64_t longest, bool one_query) const;
  void place(AttentionState& group) const;
  bool drops(const AttentionState& group) const { return group.dropout != nullptr && network_.dropout.attention > 0; }
  at::Tensor context(at::Tensor query, at::Tensor key, const at::Tensor& value, const SelfAttention& attention,
                     const ProjectedPositions& positions, AttentionState& group) const;
  at::Tensor rotate(const at::Tensor& x, const Rotary& rotary, const at::Tensor& at_places,
                    AttentionState& group) const;
  at::Tensor mask_of(const SelfAttention& attention, AttentionState& group) const;

  const Network& network_;
  const NetworkWeights& weights_;
  PositionScores positions_;
  std::map<Rotary, at::Tensor> frequencies_;  ///< fp32, as transformers has them
  bool places_matter_ = false;
  bool types_matter_ = false;
};

}  // namespace paceline
