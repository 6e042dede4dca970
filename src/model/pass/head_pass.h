#pragma once

#include "model/norm_weights.h"
#include "model/pass/pass_part.h"
#include "model/pass/products.h"

namespace paceline {

/// The classifier's head, in fp32, from the pooled rows to each sequence's logits.
class HeadPass {
 public:
  HeadPass(const PassPart& part, const Products& products) : part_(part), products_(products) {}

  void run() const;

 private:
  void normalise(Rows rows, const NormWeights& norm) const;

  const PassPart& part_;
  const Products& products_;
};

}  // namespace paceline
