#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/packed_dense.h"
#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

struct NormWeights {
  std::vector<float> scale;
  std::vector<float> bias;
  float epsilon = 0;
};

struct BlockWeights {
  /// Query, key and value in one product. The query's part carries the softmax scale times log2(e), as the attention
  /// kernels ask for.
  PackedDense query_key_value;
  PackedDense attention_output;
  NormWeights attention_norm;
  PackedDense up;
  Epilogue activation = Epilogue::kGelu;
  PackedDense down;
  NormWeights ffn_norm;
  int32_t heads = 0;
  int32_t head_dim = 0;
};

struct HeadWeights {
  PackedDense dense;
  Epilogue activation = Epilogue::kStore;
};

/// All weights of a network as one ISA level wants them.
struct ModelWeights {
  AlignedBuffer words;        ///< fp32 [V, C]
  AlignedBuffer positions;    ///< fp32 [P, C]
  AlignedBuffer token_types;  ///< fp32 [token types, C], one row of zeros where the network has none
  NormWeights embedding_norm;
  std::vector<BlockWeights> blocks;
  std::vector<HeadWeights> head;
};

/// Reads and packs every weight on all threads of `pool`.
/// Throws Error{unsupported} for an activation without a kernel, resource_exhausted when memory runs out.
ModelWeights load_weights(const Network& network, const WeightSource& source, const Kernels& kernels, ThreadPool& pool);

}  // namespace paceline
