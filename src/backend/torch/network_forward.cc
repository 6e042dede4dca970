// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/network_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/take_along_dim.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include "backend/torch/forward_state.h"
#include "paceline/error.h"

namespace paceline {
namespace {

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return at::gelu(x, "none");
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kTanh:
      return at::tanh(x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kMish:
      return at::mish(x);
  }
  throw Error(ErrorCode::kInternal, "[torch] An activation has no form in ATen.");
}

/// Real tokens as numbers of the type of `like`, [B, S, 1].
at::Tensor real_tokens(const ForwardInputs& inputs, const at::Tensor& like) {
  const at::Tensor mask =
      inputs.attention_mask.defined() ? inputs.attention_mask.ne(0) : at::ones_like(inputs.input_ids).ne(0);
  return mask.to(like.scalar_type()).unsqueeze(-1);
}

}  // namespace

NetworkForward::NetworkForward(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device)
    : network_(checkpoint.network()), weights_(checkpoint, dtype, device), attention_(network_, weights_, device) {}

void NetworkForward::round_dense_layers() {
  for_each_dense(network_, [this](const Dense& dense) {
    weights_.round(dense.weight);
    weights_.round(dense.bias);
  });
}

at::Tensor NetworkForward::operator()(const ForwardInputs& inputs) const {
  ForwardState pass = attention_.start(inputs);
  at::Tensor x = embed(inputs);
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const bool convolved = i == 0 && network_.convolution.exists();
    const bool pooled = pools_early(inputs) && i + 1 == network_.layers.size();
    const at::Tensor convolution = convolved ? convolve(x, inputs) : at::Tensor();
    if (inputs.dropout != nullptr && network_.dropout.layers > 0 &&
        inputs.dropout->leaves_out(network_.dropout.layers)) {
      if (pooled) x = x.index_select(0, inputs.layout->pooled);
    } else {
      x = run_block(x, network_.layer(i), pass, pooled);
    }
    if (convolved) x = weights_.normalise(x + convolution, network_.convolution.norm);
    if (inputs.hidden != nullptr) inputs.hidden->push_back(x);
  }
  x = dropped(inputs.dropout, weights_.normalise(x, network_.final_norm), network_.dropout.last);
  x = inputs.layout == nullptr ? pool(x, inputs) : pool_rows(x, inputs);
  for (const HeadStep& step : network_.head) {
    x = weights_.dense(dropped(inputs.dropout, x, step.dropout), step.dense);
    x = weights_.normalise(activate(x, step.activation), step.norm);
  }
  x = dropped(inputs.dropout, x, network_.dropout.logits);
  if (inputs.layout != nullptr) x = x.index_select(0, inputs.layout->places);
  return x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
}

// Summed in the order of transformers, so that every bit is the same. Positions are counted, not numbered by a size.
at::Tensor NetworkForward::embed(const ForwardInputs& inputs) const {
  const Embeddings& embeddings = network_.embeddings;
  const at::Tensor& ids = inputs.input_ids;
  at::Tensor x = weights_.look_up(embeddings.words, ids);
  if (embeddings.token_types.exists()) {
    if (network_.token_types > 1) {
      const at::Tensor types = inputs.token_type_ids.defined() ? inputs.token_type_ids : at::zeros_like(ids);
      x = x + weights_.look_up(embeddings.token_types, types);
    } else {
      x = x + weights_.find(embeddings.token_types).select(0, 0);
    }
  }
  if (embeddings.positions.exists()) {
    at::Tensor rows;
    if (inputs.layout != nullptr) {
      rows = inputs.layout->position_rows;
    } else if (embeddings.uncounted_id >= 0) {
      const at::Tensor counted = ids.ne(embeddings.uncounted_id).to(at::kLong);
      rows = counted.cumsum(1) * counted + (embeddings.position_offset - 1);
    } else {
      rows = at::ones_like(ids).to(at::kLong).cumsum(1) + (embeddings.position_offset - 1);
    }
    x = x + weights_.look_up(embeddings.positions, rows);
  }
  if (embeddings.project_first && embeddings.projection.exists()) x = weights_.dense(x, embeddings.projection);
  x = dropped(inputs.dropout, weights_.normalise(x, embeddings.norm), network_.dropout.embeddings);
  return embeddings.project_first || !embeddings.projection.exists() ? x : weights_.dense(x, embeddings.projection);
}

at::Tensor NetworkForward::run_block(const at::Tensor& x, const Block& block, ForwardState& pass, bool pooled) const {
  const Dropout& dropout = network_.dropout;
  const at::Tensor going_on = pooled ? x.index_select(0, pass.layout->pooled) : x;
  const at::Tensor read = block.norm_before ? weights_.normalise(x, block.attention_norm) : x;
  const at::Tensor attended =
      dropped(pass.dropout, attention_.attend(read, block.attention, pass, pooled), dropout.attention_output);
  if (block.norm_before) {
    const at::Tensor y = going_on + attended;
    const at::Tensor added = feed_forward(weights_.normalise(y, block.ffn_norm), block.ffn, pass);
    return y + dropped(pass.dropout, added, dropout.ffn_output);
  }
  const at::Tensor y = weights_.normalise(attended + going_on, block.attention_norm);
  const at::Tensor added = dropped(pass.dropout, feed_forward(y, block.ffn, pass), dropout.ffn_output);
  return weights_.normalise(added + y, block.ffn_norm);
}

at::Tensor NetworkForward::feed_forward(const at::Tensor& x, const FeedForward& ffn, const ForwardState& pass) const {
  at::Tensor inner = activate(weights_.dense(x, ffn.up), ffn.activation);
  if (ffn.gate.exists()) inner = inner * weights_.dense(x, ffn.gate);
  return weights_.dense(dropped(pass.dropout, inner, network_.dropout.ffn_inner), ffn.down);
}

/// Whether the last layer makes the rows that the head reads, and no others.
bool NetworkForward::pools_early(const ForwardInputs& inputs) const {
  return inputs.layout != nullptr && inputs.hidden == nullptr && network_.pools_one_row();
}

// Padding counts as zeros.
at::Tensor NetworkForward::convolve(const at::Tensor& x, const ForwardInputs& inputs) const {
  const Convolution& layer = network_.convolution;
  const auto along_tokens = [&](const at::Tensor& padded) {
    return at::conv1d(padded.transpose(1, 2), weights_.find(layer.weight), weights_.find_or_none(layer.bias),
                      /*stride=*/1, /*padding=*/layer.kernel / 2, /*dilation=*/1, layer.groups)
        .transpose(1, 2);
  };
  const auto finish = [&](const at::Tensor& y) {
    return activate(dropped(inputs.dropout, y, network_.dropout.convolution), layer.activation);
  };
  if (inputs.layout == nullptr) return finish(along_tokens(x * real_tokens(inputs, x)));
  std::vector<at::Tensor> groups = x.split_with_sizes(inputs.layout->group_rows());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const SequenceGroup& group = inputs.layout->groups[i];
    groups[i] = take_rows(along_tokens(pad_rows(groups[i], group)), group);
  }
  return finish(at::cat(groups));
}

/// x [T, C], or [B, C] where the last layer made the pooled rows alone -> [B, C] in the order of the layout.
at::Tensor NetworkForward::pool_rows(const at::Tensor& x, const ForwardInputs& inputs) const {
  const RowLayout& layout = *inputs.layout;
  if (pools_early(inputs)) return x;
  if (network_.pooling != Pooling::kMean) return x.index_select(0, layout.pooled);
  const std::vector<at::Tensor> groups = x.split_with_sizes(layout.group_rows());
  std::vector<at::Tensor> means;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const at::Tensor sum = pad_rows(groups[i], layout.groups[i]).sum(1);
    const at::Tensor& keep = layout.groups[i].keep;
    means.push_back(keep.defined() ? sum / keep.squeeze(1).sum(-1) : sum / layout.groups[i].longest());
  }
  return at::cat(means);
}

at::Tensor NetworkForward::pool(const at::Tensor& x, const ForwardInputs& inputs) const {
  switch (network_.pooling) {
    case Pooling::kFirstToken:
      return x.select(1, 0);
    case Pooling::kMean: {
      const at::Tensor real = real_tokens(inputs, x);
      return (x * real).sum(1) / real.sum(1);
    }
    case Pooling::kLastToken: {
      at::Tensor counted = at::ones_like(inputs.input_ids).to(at::kLong);
      const at::Tensor numbers = counted.cumsum(1);
      if (inputs.attention_mask.defined()) counted = counted * inputs.attention_mask.ne(0).to(at::kLong);
      if (network_.pooling_skips >= 0) counted = counted * inputs.input_ids.ne(network_.pooling_skips).to(at::kLong);
      const at::Tensor place = at::argmax(counted * numbers, 1).unsqueeze(-1).unsqueeze(-1);
      return at::take_along_dim(x, place, 1).squeeze(1);
    }
  }
  throw Error(ErrorCode::kInternal, "[torch] A pooling has no form in ATen.");
}

}  // namespace paceline
