#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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

  std::size_t bytes() const { return (scale.size() + bias.size()) * sizeof(float); }
};

struct BlockWeights {
  /// Query, key and value in one product. The query's part carries the softmax scale times log2(e), as the attention
  /// kernels ask for. Empty in the last block, which has PooledAttentionWeights.
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

/// Attention of one row per sequence. Its few queries go through the key's weights instead of all tokens' hidden
/// states: q (W x) = (q W) x; and the value's weights are applied to what was mixed, not before: the weights of a row
/// sum to 1, so that sum p (W x + b) = W (sum p x) + b. The key's bias adds the same to all scores of a row: softmax
/// drops it.
struct PooledAttentionWeights {
  PackedDense query;                ///< [C -> H D], scaled as in query_key_value
  std::vector<PackedDense> keys;    ///< of each head [D -> C]: the transposed key weights
  std::vector<PackedDense> values;  ///< of each head [C -> D]
};

struct HeadWeights {
  PackedDense dense;
  Epilogue activation = Epilogue::kStore;
};

/// Of attention and of the last block's pooled attention, whose rows have no common range worth 8 bits.
constexpr NumberType narrow_type(NumberType type) {
  return type == NumberType::kFp32 ? NumberType::kFp32 : NumberType::kBf16;
}

/// All weights of a network as one ISA level wants them.
struct ModelWeights {
  NumberType type = NumberType::kFp32;  ///< of the products of the blocks; those of the head are fp32

  NumberType narrow_type() const { return paceline::narrow_type(type); }

  std::size_t bytes() const;

  /// Of all tables and packed layers. Tables that are fp32 in the checkpoint are copied too: reading them where they
  /// are mapped would save 9 ms of loading, but a file that is overwritten would end the process, and rows that the
  /// page cache has given away would be fetched from disk in the midst of a text.
  AlignedBuffer memory;
  std::vector<float> no_token_types;   ///< a row of zeros where the network has none
  std::span<const float> words;        ///< [V, C]
  std::span<const float> positions;    ///< [P, C]
  std::span<const float> token_types;  ///< [token types, C], or no_token_types
  NormWeights embedding_norm;
  std::vector<BlockWeights> blocks;
  PooledAttentionWeights pooled_attention;  ///< of the last block
  std::vector<HeadWeights> head;
};

/// Reads and packs every weight on all threads of `pool`, those of the blocks in `type`; calls `release`.
/// Throws Error{corrupt_data} naming a tensor that holds NaN or infinity, {unsupported} for an activation without a
/// kernel or a weight too large for `type`, {resource_exhausted} when memory runs out.
ModelWeights load_weights(const Network& network, const WeightSource& source, const SourceRelease& release,
                          const Kernels& kernels, NumberType type, ThreadPool& pool);

}  // namespace paceline
