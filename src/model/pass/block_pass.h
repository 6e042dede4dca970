#pragma once

#include <cstddef>

#include "model/pass/attention_pass.h"
#include "model/pass/block_output_pass.h"
#include "model/pass/convolution_pass.h"
#include "model/pass/pass_part.h"
#include "model/pass/products.h"

namespace paceline {

/// A layer of all rows.
///
/// What each step reads and writes, and in which type; "close" is the norm that follows, or what stands in for it: into
/// hidden itself where norms stand behind, into normed where they stand before.
///   normed_in -> query, key, value -> attention -> context[_in] -> + hidden, close -> normed_in
///   normed_in -> up, activation, gate -> inner[_in] -> down + hidden, close -> normed_in
/// bf16 is rounded where it is made; int8 needs the range of a whole row, so it is made from fp32 rows.
class BlockPass {
 public:
  BlockPass(const PassPart& part, const Products& products);

  void run(std::size_t layer);

 private:
  const PassPart& part_;
  const Products& products_;
  AttentionPass attention_;
  BlockOutputPass output_;
  ConvolutionPass convolution_;
};

}  // namespace paceline
