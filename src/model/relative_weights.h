#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/packed_dense.h"
#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

/// What relative positions add to the scores, as one ISA level wants it: all of it carries the softmax scale times
/// log2(e), as the scores do.

/// What one block's heads multiply with. A column stands for a row of the relative positions' table, ordered so that it
/// grows with the distance. Empty where the block has no such weights.
struct PositionHeads {
  std::vector<PackedDense> keys;      ///< of each head [D -> columns]: meets the query
  std::vector<PackedDense> queries;   ///< of each head [D -> columns]: meets the key
  std::vector<PackedDense> segments;  ///< of each head [D -> 2]: meets the query; column 1 where the token types differ

  bool exist() const { return !keys.empty() || !queries.empty(); }
  std::size_t bytes() const;
};

/// What all blocks share.
struct RelativeWeights {
  int32_t max_tokens = 0;
  std::vector<float> distance_bias;  ///< kBias: [heads, 2 max tokens - 1], from distance 1 - max tokens on
  std::vector<int32_t> columns;      ///< else: the column of each distance, from 1 - max tokens on

  /// Of one head, at the distance from a query at `place` to the first key: the table is read on from there.
  const float* bias_from(int32_t head, int32_t place) const {
    return distance_bias.data() + static_cast<std::ptrdiff_t>(head) * bias_stride() + max_tokens - 1 - place;
  }
  std::ptrdiff_t bias_stride() const { return 2 * static_cast<std::ptrdiff_t>(max_tokens) - 1; }
  const int32_t* columns_from(int32_t place) const { return columns.data() + max_tokens - 1 - place; }
  std::size_t bytes() const { return distance_bias.size() * sizeof(float) + columns.size() * sizeof(int32_t); }
};

/// Throws as load_weights.
RelativeWeights load_relative_weights(const Network& network, const WeightSource& source);

/// The rows of the relative positions' table as they are projected, [columns, C] without gaps.
std::vector<float> position_rows(const Network& network, const WeightSource& source, const Kernels& kernels);

/// `rows`: position_rows; `type`: of the products, fp32 or bf16. Throws as load_weights.
PositionHeads load_position_heads(const SelfAttention& attention, const std::vector<float>& rows,
                                  const WeightSource& source, const Kernels& kernels, NumberType type);

}  // namespace paceline
