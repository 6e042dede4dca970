// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/position_scores.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/take.h>
#include <ATen/ops/take_along_dim.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "network/relative_rows.h"

namespace paceline {

ProjectedPositions met_by(const ProjectedPositions& positions, const AttentionState& group) {
  const auto met = [&](const at::Tensor& all) {
    return all.defined() ? all.narrow(1, group.first_row, group.rows_met) : all;
  };
  return {met(positions.keys), met(positions.queries)};
}

at::Tensor split_heads(const at::Tensor& x, const SelfAttention& attention) {
  return x.unflatten(-1, {attention.heads, attention.head_dim}).transpose(-3, -2);
}

PositionScores::PositionScores(const Network& network, const NetworkWeights& weights, at::Device device)
    : network_(network), weights_(weights) {
  const RelativeKind kind = network_.relative.kind;
  if (kind != RelativeKind::kBias && kind != RelativeKind::kLearned) return;
  row_of_distance_ = relative_rows(network_.relative, network_.max_tokens);
  at::Tensor stored = at::empty({static_cast<int64_t>(row_of_distance_.size())}, at::kLong);
  std::copy(row_of_distance_.begin(), row_of_distance_.end(), stored.mutable_data_ptr<int64_t>());
  relative_rows_ = stored.to(device);
}

void PositionScores::place(AttentionState& group) const {
  if (network_.relative.kind == RelativeKind::kBias) group.bias = distance_bias(group);
  if (network_.relative.kind == RelativeKind::kLearned) {
    group.rows = at::take(relative_rows_, group.distances + (network_.max_tokens - 1));
  }
  if (network_.relative.kind == RelativeKind::kSinusoid) {
    // Distance 0 stands in the table twice: at the end of those before it and at the beginning of those behind it.
    const at::Tensor last = group.places.select(0, -1);
    group.rows = group.distances + last + group.distances.gt(0).to(at::kLong);
  }
}

void PositionScores::narrow_to(AttentionState& group, int64_t longest) const {
  if (network_.relative.kind == RelativeKind::kSinusoid) {
    group.first_row = longest - group.longest;
    group.rows_met = 2 * group.longest;
  }
  if (network_.relative.kind == RelativeKind::kLearned) {
    const auto farthest = row_of_distance_.begin() + (network_.max_tokens - group.longest);
    const auto [least, most] = std::minmax_element(farthest, farthest + (2 * group.longest - 1));
    group.first_row = *least;
    group.rows_met = *most - *least + 1;
    group.rows = group.rows - group.first_row;
  }
}

/// MPNet's, [1, H, S, S] or [B, H, 1, S].
at::Tensor PositionScores::distance_bias(const AttentionState& group) const {
  const at::Tensor rows = at::take(relative_rows_, group.distances.squeeze(1) + (network_.max_tokens - 1));
  return weights_.look_up(network_.relative.table, rows).permute({0, 3, 1, 2});
}

at::Tensor PositionScores::table(const at::Tensor& places) const {
  const RelativePositions& relative = network_.relative;
  if (relative.kind != RelativeKind::kLearned && relative.kind != RelativeKind::kSinusoid) return {};
  if (relative.kind == RelativeKind::kLearned) {
    return weights_.normalise(weights_.find(relative.table).narrow(0, 0, 2 * int64_t{relative.span}), relative.norm);
  }
  at::Tensor distances = at::cat({-places.flip(0), places}, 0);
  if (relative.max_distance > 0) distances = distances.clamp(-relative.max_distance, relative.max_distance);
  const at::Tensor steps =
      at::arange(0, network_.hidden_size, 2, at::TensorOptions(at::kFloat).device(distances.device()));
  const at::Tensor frequencies = at::pow(at::Scalar(10000), steps / network_.hidden_size).reciprocal();
  const at::Tensor angles = at::outer((-distances).to(at::kFloat), frequencies);
  return at::cat({angles.sin(), angles.cos()}, -1).to(weights_.find(network_.embeddings.words).scalar_type());
}

ProjectedPositions PositionScores::project(const SelfAttention& attention, const ForwardState& pass) const {
  ProjectedPositions positions;
  if (!attention.position_key.exists() && !attention.position_query.exists()) return positions;
  const bool each_layer = network_.relative.kind == RelativeKind::kLearned;
  const at::Tensor table = each_layer ? dropped(pass.dropout, pass.table, network_.dropout.positions) : pass.table;
  if (attention.position_key.exists()) {
    positions.keys = split_heads(weights_.dense(table, attention.position_key), attention);
  }
  if (attention.position_query.exists()) {
    positions.queries = split_heads(weights_.dense(table, attention.position_query), attention);
  }
  return positions;
}

at::Tensor PositionScores::scores(const at::Tensor& query, const at::Tensor& key, const SelfAttention& attention,
                                  const ProjectedPositions& positions, const AttentionState& group) const {
  at::Tensor scores;
  const auto add = [&](const at::Tensor& more) { scores = scores.defined() ? scores + more : more; };
  if (positions.keys.defined()) {
    const at::Tensor biased =
        attention.position_bias.exists() ? query + weights_.find(attention.position_bias).unsqueeze(1) : query;
    const at::Tensor by_row = at::matmul(biased, positions.keys.transpose(-1, -2));
    add(at::take_along_dim(by_row, group.rows, -1));
  }
  if (positions.queries.defined()) {
    const at::Tensor by_row = at::matmul(key, positions.queries.transpose(-1, -2));
    add(at::take_along_dim(by_row, group.rows.transpose(-1, -2), -1).transpose(-1, -2));
  }
  if (attention.segments.exists() && group.differ.defined()) add(segment_scores(query, attention, group));
  return scores * attention.scale;
}

at::Tensor PositionScores::segment_scores(const at::Tensor& query, const SelfAttention& attention,
                                          const AttentionState& group) const {
  const at::Tensor biased = query + weights_.find(attention.segment_bias).unsqueeze(1);
  const at::Tensor by_segment =
      at::matmul(biased, weights_.find(attention.segments).permute({1, 2, 0}));  // [B, H, Q, 2]
  return at::where(group.differ, by_segment.select(-1, 1).unsqueeze(-1), by_segment.select(-1, 0).unsqueeze(-1));
}

}  // namespace paceline
