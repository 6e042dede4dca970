#pragma once

#include "model/pass/pass_part.h"
#include "model/pass/products.h"

namespace paceline {

/// The convolution beside the first layer: it reads what the layer reads, and is added to what the layer gives.
class ConvolutionPass {
 public:
  ConvolutionPass(const PassPart& part, const Products& products) : part_(part), products_(products) {}

  /// Keeps what the convolution reads, before the layer changes it. Ends with a barrier.
  void copy_input() const;

  void add_output() const;

 private:
  const PassPart& part_;
  const Products& products_;
};

}  // namespace paceline
