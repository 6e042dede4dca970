#pragma once

#include <ATen/core/Tensor.h>

#include <map>

#include "backend/torch/forward_state.h"
#include "backend/torch/network_weights.h"
#include "network/network.h"

namespace paceline {

/// Attention of a network, with what it derives from the places of tokens.
class NetworkAttention {
 public:
  /// `network` and `weights`, which is on `device`, must outlive this.
  NetworkAttention(const Network& network, const NetworkWeights& weights, at::Device device);

  /// What the layers of a pass over these inputs share.
  ForwardState start(const ForwardInputs& inputs) const;

  /// x [B, S, C] -> [B, S, C]
  at::Tensor attend(const at::Tensor& x, const SelfAttention& attention, ForwardState& pass) const;

 private:
  at::Tensor distance_bias(const ForwardState& pass) const;
  at::Tensor position_table(const ForwardState& pass) const;
  at::Tensor rotate(const at::Tensor& x, const Rotary& rotary, ForwardState& pass) const;
  at::Tensor mask_of(const SelfAttention& attention, ForwardState& pass) const;
  at::Tensor relative_scores(const at::Tensor& query, const at::Tensor& key, const SelfAttention& attention,
                             const ForwardState& pass) const;
  at::Tensor segment_scores(const at::Tensor& query, const SelfAttention& attention, const ForwardState& pass) const;

  const Network& network_;
  const NetworkWeights& weights_;
  std::map<Rotary, at::Tensor> frequencies_;  ///< fp32, as transformers has them
  at::Tensor relative_rows_;                  ///< [2 max tokens - 1], the table's row for each distance
};

}  // namespace paceline
