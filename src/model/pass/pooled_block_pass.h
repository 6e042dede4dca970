#pragma once

#include <cstddef>

#include "model/model_weights.h"
#include "model/pass/attention_pass.h"
#include "model/pass/block_output_pass.h"
#include "model/pass/pass_part.h"
#include "model/pass/pass_rows.h"
#include "model/pass/products.h"

namespace paceline {

/// The last layer, of which the head reads the pooled row of each sequence alone.
class PooledBlockPass {
 public:
  PooledBlockPass(const PassPart& part, const Products& products);

  /// LastLayer::kPooledHidden: everything for the pooled rows, since nothing reads the others.
  void run_on_hidden(std::size_t layer) const;

  /// LastLayer::kPooledRows: keys and values of all rows, then the pooled rows alone.
  void run_on_rows(std::size_t layer);

 private:
  Range copy_pooled_rows() const;
  void run_output(std::size_t layer) const;
  void make_queries(const BlockWeights& block, Range mine) const;
  void attend(const BlockWeights& block, Range sequences) const;
  void multiply_by_keys(const BlockWeights& block, Range sequences, Range heads) const;
  void mix_hidden(const BlockWeights& block, Range sequences, Range heads) const;
  void multiply_by_values(const BlockWeights& block, Range sequences, Range heads) const;

  const PassPart& part_;
  const Products& products_;
  AttentionPass attention_;
  BlockOutputPass output_;
};

/// LastLayer::kAllRows: from the rows that a whole last layer made to those that the head reads.
void pool_all_rows(const PassPart& part);

}  // namespace paceline
