#pragma once

#include "model/pass/pass_part.h"
#include "model/pass/products.h"

namespace paceline {

/// From ids to the hidden states that the first block reads.
class EmbeddingPass {
 public:
  EmbeddingPass(const PassPart& part, const Products& products) : part_(part), products_(products) {}

  void run() const;

 private:
  void add_table_rows() const;
  void project(bool normed) const;

  const PassPart& part_;
  const Products& products_;
};

}  // namespace paceline
