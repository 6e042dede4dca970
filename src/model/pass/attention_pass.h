#pragma once

#include <cstdint>

#include "model/model_weights.h"
#include "model/pass/head_attention.h"
#include "model/pass/pass_part.h"
#include "model/pass/products.h"

namespace paceline {

/// The attention of a block, from the rows that it reads to the context.
class AttentionPass {
 public:
  AttentionPass(const PassPart& part, const Products& products);

  /// Queries, keys and values of all rows; queries and keys are turned to their places. Behind a barrier, so that each
  /// thread may read the keys and values of all rows.
  void make_query_key_value(const BlockWeights& weights) const;

  /// Fills the context: this thread's rows of all heads where rows are split, else its heads of all rows.
  void mix_all_rows(const BlockWeights& weights);

  /// Fills row i of the context from the pooled row of sequence i: of this thread's sequences where rows are split,
  /// else of all of them in its heads.
  void mix_pooled_rows(const BlockWeights& weights);

 private:
  void rotate(const BlockWeights& weights) const;
  Range own_heads(const BlockWeights& weights) const;
  void mix(const BlockWeights& weights, const PassSequence& sequence, Range rows, int32_t out_row);

  const PassPart& part_;
  const Products& products_;
  HeadAttention heads_;
};

}  // namespace paceline
