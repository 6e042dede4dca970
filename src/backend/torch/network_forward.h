#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "backend/torch/forward_state.h"
#include "backend/torch/network_attention.h"
#include "backend/torch/network_weights.h"
#include "checkpoint/checkpoint.h"

namespace paceline {

/// A checkpoint's network on ATen's operators. Padded inputs are computed as transformers does with
/// attn_implementation="sdpa": every layer for every token. With a layout, only real tokens are computed, and of the
/// last layer no more than the head reads. The same function runs eagerly, under autocast, under autograd and, on
/// padded inputs, under the tracer, so it reads no size of those.
class NetworkForward {
 public:
  /// Copies the weights, converted to `dtype`, to `device`. Throws Error, c10::Error.
  NetworkForward(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device);
  NetworkForward(const NetworkForward&) = delete;
  NetworkForward& operator=(const NetworkForward&) = delete;

  /// Converts the weights of dense layers to bf16, as autocast does in each pass with weights that take no gradient.
  void round_dense_layers();

  /// Logits [B, outputs] in the order of the batch: fp64 with such weights, else fp32.
  at::Tensor operator()(const ForwardInputs& inputs) const;

  /// Every weight under its name in the checkpoint, in the order of the forward pass.
  const std::vector<std::pair<std::string, at::Tensor>>& weights() const { return weights_.all(); }
  const Network& network() const { return network_; }

 private:
  at::Tensor embed(const ForwardInputs& inputs) const;
  at::Tensor pool(const at::Tensor& x, const ForwardInputs& inputs) const;
  at::Tensor pool_rows(const at::Tensor& x, const ForwardInputs& inputs) const;
  bool pools_early(const ForwardInputs& inputs) const;
  at::Tensor run_block(const at::Tensor& x, const Block& block, ForwardState& pass, bool pooled) const;
  at::Tensor feed_forward(const at::Tensor& x, const FeedForward& ffn, const ForwardState& pass) const;
  at::Tensor convolve(const at::Tensor& x, const ForwardInputs& inputs) const;

  Network network_;
  NetworkWeights weights_;
  NetworkAttention attention_;
};

}  // namespace paceline
