#pragma once

#include <ATen/core/Tensor.h>

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

/// A checkpoint's network on ATen's operators, computed as transformers does with attn_implementation="sdpa": padded,
/// every block for every token. The same function runs eagerly, under autocast and under the tracer, so it reads no
/// size of an input.
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
  struct DenseWeights {
    at::Tensor weight, bias;
  };
  struct NormWeights {
    at::Tensor scale, bias;
    double epsilon = 0;
  };
  struct BlockWeights {
    DenseWeights query, key, value, output, up, down;
    NormWeights attention_norm, ffn_norm;
  };

  at::Tensor find(const Weight& weight) const;
  DenseWeights find(const Dense& layer) const;
  NormWeights find(const LayerNorm& norm) const;

  at::Tensor embed(const ForwardInputs& inputs) const;
  at::Tensor attend(const at::Tensor& x, const at::Tensor& keep, const SelfAttention& attention,
                    const BlockWeights& weights) const;

  Network network_;
  std::vector<std::pair<std::string, at::Tensor>> weights_;
  at::Tensor words_, positions_, token_types_;
  NormWeights embedding_norm_;
  std::vector<BlockWeights> blocks_;
  std::vector<DenseWeights> head_;
};

}  // namespace paceline
