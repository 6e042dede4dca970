// Only the operators that are used are included.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/network_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/take.h>
#include <ATen/ops/take_along_dim.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "network/relative_rows.h"

namespace paceline {
namespace {

/// [B, S, H D] -> [B, H, S, D]
at::Tensor heads(const at::Tensor& x, const SelfAttention& attention) {
  return x.unflatten(-1, {attention.heads, attention.head_dim}).transpose(-3, -2);
}

/// Halves of the last axis, the second negated, change places.
at::Tensor rotate_half(const at::Tensor& x, int64_t half) {
  return at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
}

bool sees_all(const SelfAttention& attention) { return attention.visible_before < 0 && attention.visible_after < 0; }

/// About the lowest number, which bf16 holds too: padding and what is not seen weigh nothing beside any real key, and a
/// row without one stays finite.
double lowest_of(at::ScalarType type) {
  return type == at::kHalf ? -65504.0 : static_cast<double>(std::numeric_limits<float>::lowest()) * 0.99;
}

}  // namespace

NetworkAttention::NetworkAttention(const Network& network, const NetworkWeights& weights, at::Device device)
    : network_(network), weights_(weights) {
  const RelativeKind kind = network_.relative.kind;
  if (kind == RelativeKind::kBias || kind == RelativeKind::kLearned) {
    const std::vector<int32_t> rows = relative_rows(network_.relative, network_.max_tokens);
    at::Tensor stored = at::empty({static_cast<int64_t>(rows.size())}, at::kLong);
    std::copy(rows.begin(), rows.end(), stored.mutable_data_ptr<int64_t>());
    relative_rows_ = stored.to(device);
  }
  for (const Block& block : network_.blocks) {
    const std::vector<double>& values = block.attention.rotary.frequencies;
    if (values.empty()) continue;
    at::Tensor stored = at::empty({static_cast<int64_t>(values.size())}, at::kDouble);
    std::copy(values.begin(), values.end(), stored.mutable_data_ptr<double>());
    frequencies_[block.attention.rotary] = stored.to(device, at::kFloat);
  }
}

ForwardState NetworkAttention::start(const ForwardInputs& inputs) const {
  ForwardState pass;
  if (inputs.attention_mask.defined()) pass.keep = inputs.attention_mask.ne(0).unsqueeze(1).unsqueeze(1);
  bool placed = network_.relative.kind != RelativeKind::kNone;
  bool segmented = false;
  for (const Block& block : network_.blocks) {
    placed = placed || !sees_all(block.attention) || block.attention.rotary.exists();
    segmented = segmented || block.attention.segments.exists();
  }
  if (segmented && inputs.token_type_ids.defined()) {
    pass.differ = inputs.token_type_ids.unsqueeze(1).ne(inputs.token_type_ids.unsqueeze(2)).unsqueeze(1);
  }
  if (!placed) return pass;
  pass.places = at::ones_like(inputs.input_ids.select(0, 0)).to(at::kLong).cumsum(0) - 1;
  pass.distances = pass.places.unsqueeze(0) - pass.places.unsqueeze(1);
  if (network_.relative.kind == RelativeKind::kBias) pass.bias = distance_bias(pass);
  if (network_.relative.kind == RelativeKind::kLearned) {
    pass.rows = at::take(relative_rows_, pass.distances + (network_.max_tokens - 1));
    pass.table = position_table(pass);
  }
  if (network_.relative.kind == RelativeKind::kSinusoid) {
    // Distance 0 stands in the table twice: at the end of those before it and at the beginning of those behind it.
    const at::Tensor last = pass.places.select(0, -1);
    pass.rows = pass.distances + last + pass.distances.gt(0).to(at::kLong);
    pass.table = position_table(pass);
  }
  return pass;
}

/// x [B, H, S, D], turned to its places: cosines and sines of angles in fp32, as in transformers. Layers that turn
/// alike share them.
at::Tensor NetworkAttention::rotate(const at::Tensor& x, const Rotary& rotary, ForwardState& pass) const {
  auto& [cosines, sines] = pass.turns[rotary];
  if (!cosines.defined()) {
    const at::Tensor half = at::outer(pass.places.to(at::kFloat), frequencies_.at(rotary));
    const at::Tensor angles = at::cat({half, half}, -1);
    cosines = (angles.cos() * rotary.factor).to(x.scalar_type());
    sines = (angles.sin() * rotary.factor).to(x.scalar_type());
  }
  return x * cosines + rotate_half(x, static_cast<int64_t>(rotary.frequencies.size())) * sines;
}

/// MPNet's, [1, H, S, S].
at::Tensor NetworkAttention::distance_bias(const ForwardState& pass) const {
  const at::Tensor rows = at::take(relative_rows_, pass.distances + (network_.max_tokens - 1));
  return at::embedding(weights_.find(network_.relative.table), rows).permute({2, 0, 1}).unsqueeze(0);
}

/// The rows that position_key and position_query project, [R, C].
at::Tensor NetworkAttention::position_table(const ForwardState& pass) const {
  const RelativePositions& relative = network_.relative;
  if (relative.kind == RelativeKind::kLearned) {
    return weights_.normalise(weights_.find(relative.table).narrow(0, 0, 2 * int64_t{relative.span}), relative.norm);
  }
  at::Tensor distances = at::cat({-pass.places.flip(0), pass.places}, 0);
  if (relative.max_distance > 0) distances = distances.clamp(-relative.max_distance, relative.max_distance);
  const at::Tensor steps =
      at::arange(0, network_.hidden_size, 2, at::TensorOptions(at::kFloat).device(distances.device()));
  const at::Tensor frequencies = at::pow(at::Scalar(10000), steps / network_.hidden_size).reciprocal();
  const at::Tensor angles = at::outer((-distances).to(at::kFloat), frequencies);
  return at::cat({angles.sin(), angles.cos()}, -1).to(weights_.find(network_.embeddings.words).scalar_type());
}

/// What is added to the scores, or which keys are kept; undefined: nothing is hidden.
at::Tensor NetworkAttention::mask_of(const SelfAttention& attention, ForwardState& pass) const {
  if (sees_all(attention)) return pass.keep;
  at::Tensor& mask = pass.masks[{attention.visible_before, attention.visible_after}];
  if (mask.defined()) return mask;
  mask = pass.distances.eq(pass.distances);
  if (attention.visible_before >= 0) mask = mask.logical_and(pass.distances.ge(-attention.visible_before));
  if (attention.visible_after >= 0) mask = mask.logical_and(pass.distances.le(attention.visible_after));
  if (pass.keep.defined()) mask = mask.logical_and(pass.keep);
  const at::Tensor zero =
      mask.logical_and(mask.logical_not()).to(weights_.find(network_.embeddings.words).scalar_type());
  mask = zero.masked_fill(mask.logical_not(), lowest_of(zero.scalar_type()));
  return mask;
}

at::Tensor NetworkAttention::attend(const at::Tensor& x, const SelfAttention& attention, ForwardState& pass) const {
  at::Tensor query = heads(weights_.dense(x, attention.query), attention);
  at::Tensor key = heads(weights_.dense(x, attention.key), attention);
  const at::Tensor value = heads(weights_.dense(x, attention.value), attention);
  if (attention.rotary.exists()) {
    query = rotate(query, attention.rotary, pass);
    key = rotate(key, attention.rotary, pass);
  }
  at::Tensor added = pass.bias;
  if (attention.position_key.exists() || attention.position_query.exists() || attention.segments.exists()) {
    added = relative_scores(query, key, attention, pass);
    if (attention.content_bias.exists()) query = query + weights_.find(attention.content_bias).unsqueeze(1);
  }
  at::Tensor mask = mask_of(attention, pass);
  if (added.defined()) {
    const bool whole = !mask.defined();
    mask = whole                             ? added
           : mask.scalar_type() == at::kBool ? added.masked_fill(mask.logical_not(), lowest_of(added.scalar_type()))
                                             : added + mask;
    mask = mask.to(query.scalar_type());
  }
  const at::Tensor context =
      at::scaled_dot_product_attention(query, key, value, mask.defined() ? std::optional(mask) : std::nullopt,
                                       /*dropout_p=*/0.0, /*is_causal=*/false, attention.scale);
  return weights_.dense(context.transpose(1, 2).flatten(2), attention.output);
}

/// Scaled, [B, H, S, S].
at::Tensor NetworkAttention::relative_scores(const at::Tensor& query, const at::Tensor& key,
                                             const SelfAttention& attention, const ForwardState& pass) const {
  at::Tensor scores;
  const auto add = [&](const at::Tensor& more) { scores = scores.defined() ? scores + more : more; };
  if (attention.position_key.exists()) {
    const at::Tensor positions = heads(weights_.dense(pass.table, attention.position_key), attention);  // [H, R, D]
    const at::Tensor biased =
        attention.position_bias.exists() ? query + weights_.find(attention.position_bias).unsqueeze(1) : query;
    const at::Tensor by_row = at::matmul(biased, positions.transpose(-1, -2));
    add(at::take_along_dim(by_row, pass.rows.unsqueeze(0).unsqueeze(0), -1));
  }
  if (attention.position_query.exists()) {
    const at::Tensor positions = heads(weights_.dense(pass.table, attention.position_query), attention);
    const at::Tensor by_row = at::matmul(key, positions.transpose(-1, -2));
    const at::Tensor rows_of_keys = pass.rows.t().unsqueeze(0).unsqueeze(0);
    add(at::take_along_dim(by_row, rows_of_keys, -1).transpose(-1, -2));
  }
  if (attention.segments.exists() && pass.differ.defined()) add(segment_scores(query, attention, pass));
  return scores * attention.scale;
}

at::Tensor NetworkAttention::segment_scores(const at::Tensor& query, const SelfAttention& attention,
                                            const ForwardState& pass) const {
  const at::Tensor biased = query + weights_.find(attention.segment_bias).unsqueeze(1);
  const at::Tensor by_segment =
      at::matmul(biased, weights_.find(attention.segments).permute({1, 2, 0}));  // [B, H, S, 2]
  return at::where(pass.differ, by_segment.select(-1, 1).unsqueeze(-1), by_segment.select(-1, 0).unsqueeze(-1));
}

}  // namespace paceline
