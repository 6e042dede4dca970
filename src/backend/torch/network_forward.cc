// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/network_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "paceline/error.h"

namespace paceline {
namespace {

at::Tensor copy_weight(const Checkpoint& checkpoint, const Weight& weight, at::ScalarType dtype, at::Device device) {
  at::Tensor values = at::empty(weight.shape, at::kFloat);
  convert_to_float(checkpoint.tensor(weight), 0,
                   {values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
  return values.to(device, dtype);
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return at::gelu(x, "none");
    case Activation::kTanh:
      return at::tanh(x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGeluTanh:
    case Activation::kSilu:
    case Activation::kMish:
      break;
  }
  throw Error(ErrorCode::kInternal, "[torch] An activation has no form in ATen.");
}

template <class Layer>
at::Tensor dense(const at::Tensor& x, const Layer& layer) {
  return at::linear(x, layer.weight, layer.bias);
}

template <class Norm>
at::Tensor normalise(const at::Tensor& x, const Norm& norm) {
  return at::layer_norm(x, norm.scale.sizes(), norm.scale, norm.bias, norm.epsilon);
}

}  // namespace

NetworkForward::NetworkForward(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device)
    : network_(checkpoint.network()) {
  for_each_weight(network_, [&](const Weight& weight) {
    weights_.emplace_back(weight.name, copy_weight(checkpoint, weight, dtype, device));
  });
  words_ = find(network_.embeddings.words);
  positions_ = find(network_.embeddings.positions);
  if (!network_.embeddings.token_types.name.empty()) token_types_ = find(network_.embeddings.token_types);
  embedding_norm_ = find(network_.embeddings.norm);
  for (const Block& block : network_.blocks) {
    blocks_.push_back({.query = find(block.attention.query),
                       .key = find(block.attention.key),
                       .value = find(block.attention.value),
                       .output = find(block.attention.output),
                       .up = find(block.ffn.up),
                       .down = find(block.ffn.down),
                       .attention_norm = find(block.attention_norm),
                       .ffn_norm = find(block.ffn_norm)});
  }
  for (const HeadStep& step : network_.head) head_.push_back(find(step.dense));
}

at::Tensor NetworkForward::find(const Weight& weight) const {
  const auto found = std::find_if(weights_.begin(), weights_.end(),
                                  [&](const auto& candidate) { return candidate.first == weight.name; });
  if (found == weights_.end()) {
    throw Error(ErrorCode::kInternal, "[torch] The weight " + weight.name + " is not visited by the network.");
  }
  return found->second;
}

NetworkForward::DenseWeights NetworkForward::find(const Dense& layer) const {
  return {.weight = find(layer.weight), .bias = layer.bias.name.empty() ? at::Tensor() : find(layer.bias)};
}

NetworkForward::NormWeights NetworkForward::find(const LayerNorm& norm) const {
  return {.scale = find(norm.scale), .bias = find(norm.bias), .epsilon = norm.epsilon};
}

at::Tensor NetworkForward::operator()(const ForwardInputs& inputs) const {
  at::Tensor keep;
  if (inputs.attention_mask.defined()) keep = inputs.attention_mask.ne(0).unsqueeze(1).unsqueeze(1);  // [B, 1, 1, S]
  at::Tensor x = embed(inputs);
  for (const int32_t layer : network_.layers) {
    const auto index = static_cast<std::size_t>(layer);
    const Block& block = network_.blocks[index];
    const BlockWeights& weights = blocks_[index];
    x = normalise(attend(x, keep, block.attention, weights) + x, weights.attention_norm);
    x = normalise(dense(activate(dense(x, weights.up), block.ffn.activation), weights.down) + x, weights.ffn_norm);
  }
  switch (network_.pooling) {
    case Pooling::kFirstToken:
      x = x.select(1, 0);
      break;
    case Pooling::kLastToken:
    case Pooling::kMean:
      throw Error(ErrorCode::kUnsupported, "[torch] A pooling has no form in ATen.");
  }
  for (std::size_t i = 0; i < head_.size(); ++i) x = activate(dense(x, head_[i]), network_.head[i].activation);
  return x.scalar_type() == at::kFloat ? x : x.to(at::kFloat);
}

// Summed in the order of transformers, so that every bit is the same. Positions are counted, not numbered by a size.
at::Tensor NetworkForward::embed(const ForwardInputs& inputs) const {
  const Embeddings& embeddings = network_.embeddings;
  const at::Tensor& ids = inputs.input_ids;
  at::Tensor x = at::embedding(words_, ids);
  if (network_.token_types > 1) {
    x = x + at::embedding(token_types_, inputs.token_type_ids.defined() ? inputs.token_type_ids : at::zeros_like(ids));
  } else if (token_types_.defined()) {
    x = x + token_types_.select(0, 0);
  }
  at::Tensor rows;
  if (embeddings.uncounted_id >= 0) {
    const at::Tensor counted = ids.ne(embeddings.uncounted_id).to(at::kLong);
    rows = counted.cumsum(1) * counted + (embeddings.position_offset - 1);
  } else {
    rows = at::ones_like(ids).to(at::kLong).cumsum(1) + (embeddings.position_offset - 1);
  }
  return normalise(x + at::embedding(positions_, rows), embedding_norm_);
}

at::Tensor NetworkForward::attend(const at::Tensor& x, const at::Tensor& keep, const SelfAttention& attention,
                                  const BlockWeights& weights) const {
  const auto heads = [&](const DenseWeights& projection) {  // [B, H, S, D]
    return dense(x, projection).unflatten(2, {attention.heads, attention.head_dim}).transpose(1, 2);
  };
  const std::optional<at::Tensor> mask = keep.defined() ? std::optional(keep) : std::nullopt;
  const at::Tensor context =
      at::scaled_dot_product_attention(heads(weights.query), heads(weights.key), heads(weights.value), mask,
                                       /*dropout_p=*/0.0, /*is_causal=*/false, attention.scale);
  return dense(context.transpose(1, 2).flatten(2), weights.output);
}

}  // namespace paceline
