#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "backend/torch/forward_state.h"
#include "backend/torch/network_weights.h"
#include "network/network.h"

namespace paceline {

/// Projected rows of the table of positions, [H, R, D]; undefined where a layer has no such term.
struct ProjectedPositions {
  at::Tensor keys{};
  at::Tensor queries{};
};

/// The rows of them that these sequences meet.
ProjectedPositions met_by(const ProjectedPositions& positions, const AttentionState& group);

/// [B, S, H D] -> [B, H, S, D]
at::Tensor split_heads(const at::Tensor& x, const SelfAttention& attention);

/// What distances and token types add to the scores of attention: RelativePositions, and XLNet's segments.
class PositionScores {
 public:
  /// `network` and `weights`, which is on `device`, must outlive this.
  PositionScores(const Network& network, const NetworkWeights& weights, at::Device device);

  /// Fills in the rows of the table, or the bias, for the group's distances.
  void place(AttentionState& group) const;

  /// Renumbers those rows from the first that the group meets, in a table for sequences of up to `longest` tokens.
  void narrow_to(AttentionState& group, int64_t longest) const;

  /// The rows that position_key and position_query project, [R, C]; undefined where none are.
  at::Tensor table(const at::Tensor& places) const;
  ProjectedPositions project(const SelfAttention& attention, const ForwardState& pass) const;

  /// Scaled, [B, H, Q, S].
  at::Tensor scores(const at::Tensor& query, const at::Tensor& key, const SelfAttention& attention,
                    const ProjectedPositions& positions, const AttentionState& group) const;

 private:
  at::Tensor distance_bias(const AttentionState& group) const;
  at::Tensor segment_scores(const at::Tensor& query, const SelfAttention& attention, const AttentionState& group) const;

  const Network& network_;
  const NetworkWeights& weights_;
  std::vector<int32_t> row_of_distance_;  ///< [2 max tokens - 1], the table's row for each distance
  at::Tensor relative_rows_;              ///< the same on the device
};

}  // namespace paceline
