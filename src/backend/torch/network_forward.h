#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace paceline {

/// What a forward pass reads, each [B, S] of an integer type on the weights' device.
struct ForwardInputs {
  at::Tensor input_ids;
  at::Tensor attention_mask;  ///< not 0: a real token; undefined: all are
  at::Tensor token_type_ids;  ///< undefined: all are 0; read only where the network has more than one type
};

struct ForwardState;

/// A checkpoint's network on ATen's operators, computed as transformers does with attn_implementation="sdpa": padded on
/// the right, every layer for every token. The same function runs eagerly, under autocast and under the tracer, so it
/// reads no size of an input.
class NetworkForward {
 public:
  /// Copies the weights, converted to `dtype`, to `device`. Throws Error, c10::Error.
  NetworkForward(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device);

  /// Logits [B, outputs], fp32.
  at::Tensor operator()(const ForwardInputs& inputs) const;

  /// Every weight under its name in the checkpoint, in the order of the forward pass.
  const std::vector<std::pair<std::string, at::Tensor>>& weights() const { return weights_; }
  const Network& network() const { return network_; }

 private:
  at::Tensor find(const Weight& weight) const;
  at::Tensor dense(const at::Tensor& x, const Dense& layer) const;
  at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm) const;

  at::Tensor embed(const ForwardInputs& inputs) const;
  at::Tensor pool(const at::Tensor& x, const ForwardInputs& inputs) const;
  at::Tensor run_block(const at::Tensor& x, const Block& block, ForwardState& pass) const;
  at::Tensor attend(const at::Tensor& x, const SelfAttention& attention, ForwardState& pass) const;
  at::Tensor feed_forward(const at::Tensor& x, const FeedForward& ffn) const;
  at::Tensor convolve(const at::Tensor& x, const ForwardInputs& inputs) const;

  ForwardState start(const ForwardInputs& inputs) const;
  at::Tensor distance_bias(const ForwardState& pass) const;
  at::Tensor position_table(const ForwardState& pass) const;
  at::Tensor rotate(const at::Tensor& x, const Rotary& rotary, ForwardState& pass) const;
  at::Tensor mask_of(const SelfAttention& attention, ForwardState& pass) const;
  at::Tensor relative_scores(const at::Tensor& query, const at::Tensor& key, const SelfAttention& attention,
                             const ForwardState& pass) const;
  at::Tensor segment_scores(const at::Tensor& query, const SelfAttention& attention, const ForwardState& pass) const;

  Network network_;
  std::vector<std::pair<std::string, at::Tensor>> weights_;
  std::map<std::string, at::Tensor, std::less<>> by_name_;
  std::map<Rotary, at::Tensor> frequencies_;  ///< fp32, as transformers has them
  at::Tensor relative_rows_;                  ///< [2 max tokens - 1], the table's row for each distance
};

}  // namespace paceline
