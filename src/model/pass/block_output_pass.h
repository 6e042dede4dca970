#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packed_dense.h"
#include "model/norm_weights.h"
#include "model/pass/pass_memory.h"
#include "model/pass/pass_part.h"
#include "model/pass/products.h"

namespace paceline {

/// The second half of a layer: from the context to the layer's output, through attention output and feed-forward.
class BlockOutputPass {
 public:
  BlockOutputPass(const PassPart& part, const Products& products) : part_(part), products_(products) {}

  /// Changes `rows` of `hidden`, some at a time. `split_columns`: all threads do so together, else this one alone.
  void run(std::size_t layer, const Residual& hidden, Range rows, bool split_columns) const;

 private:
  void run_rows(std::size_t layer, const Residual& hidden, NumberRows context, const Product& common) const;
  void run_inner(const BlockWeights& weights, const Residual& hidden, const PassMemory& memory,
                 const Product& common) const;
  const NormWeights& closing_norm(std::size_t layer) const;
  const PackedDense* product_after(std::size_t layer) const;

  const PassPart& part_;
  const Products& products_;
};

}  // namespace paceline
