#include "model/pass/block_pass.h"

namespace paceline {

BlockPass::BlockPass(const PassPart& part, const Products& products)
    : part_(part),
      products_(products),
      attention_(part, products),
      output_(part, products),
      convolution_(part, products) {}

void BlockPass::run(std::size_t layer) {
  const BlockWeights& weights = part_.block(layer);
  const PassMemory& memory = part_.shared;
  const bool split_columns = part_.team.split_columns();
  const bool convolved = layer == 0 && part_.weights.convolution.exists();
  if (convolved) convolution_.copy_input();
  attention_.make_query_key_value(weights);
  attention_.mix_all_rows(weights);
  part_.team.barrier();  // everybody has read keys and values, or has mixed its heads
  if (part_.weights.type == NumberType::kInt8) {
    products_.round(NumberType::kInt8, memory.context, memory.context_in, part_.own_rows,
                    weights.heads * weights.head_dim);
    part_.team.column_barrier(split_columns);
  }
  output_.run(layer, memory.residual(), part_.product_rows, split_columns);
  if (convolved) convolution_.add_output();
}

}  // namespace paceline
