#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/packed_dense.h"
#include "model/convolution_weights.h"
#include "model/norm_weights.h"
#include "model/relative_weights.h"
#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

struct BlockWeights {
  /// Query, key and value in one product. The query's part carries the softmax scale times log2(e), as the attention
  /// kernels ask for. Empty where only the last layer runs the block and has PooledAttentionWeights.
  PackedDense query_key_value;
  PackedDense attention_output;
  NormWeights attention_norm;
  PackedDense up;
  PackedDense gate;  ///< without panels where there is none
  Epilogue activation = Epilogue::kGelu;
  PackedDense down;
  NormWeights ffn_norm;
  bool norm_before = false;
  int32_t heads = 0;
  int32_t head_dim = 0;
  int32_t visible_before = -1;
  int32_t visible_after = -1;
  std::span<const float> turns;  ///< [max tokens, head_dim] of RotateArgs; empty: not rotated
  PositionHeads positions;
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
  NormWeights norm;
};

/// Cosines and sines of rotary positions, as blocks that turn alike share them.
struct RotaryTable {
  Rotary rotary;
  std::vector<float> turns;  ///< [max tokens, head_dim]
};

/// How the last layer makes the rows that the head reads.
enum class LastLayer : uint8_t {
  kPooledHidden,  ///< PooledAttentionWeights on the hidden states themselves
  kPooledRows,    ///< keys and values of all rows, the rest for the pooled ones: what depends on places is in the keys
  kAllRows,       ///< as any layer, since the pooled row is made of all
};

/// Of attention and of the last layer's pooled attention, whose rows have no common range worth 8 bits.
constexpr NumberType narrow_type(NumberType type) {
  return type == NumberType::kFp32 ? NumberType::kFp32 : NumberType::kBf16;
}

LastLayer last_layer_of(const Network& network);

/// All weights of a network as one ISA level wants them.
struct ModelWeights {
  NumberType type = NumberType::kFp32;  ///< of the products of the blocks; those of the head are fp32
  LastLayer last_layer = LastLayer::kPooledHidden;

  NumberType narrow_type() const { return paceline::narrow_type(type); }

  std::size_t bytes() const;

  /// Of all tables and packed layers. Tables that are fp32 in the checkpoint are copied too: reading them where they
  /// are mapped would save 9 ms of loading, but a file that is overwritten would end the process, and rows that the
  /// page cache has given away would be fetched from disk in the midst of a text.
  AlignedBuffer memory;
  std::vector<float> zeros;            ///< [E]: the row of tables that the network has not
  std::span<const float> words;        ///< [V, E]
  std::span<const float> positions;    ///< [P, E], or zeros
  std::span<const float> token_types;  ///< [token types, E], or zeros
  NormWeights embedding_norm;
  PackedDense projection;  ///< [E -> C]; without panels where E is C
  std::vector<RotaryTable> rotary;
  RelativeWeights relative;
  std::vector<BlockWeights> blocks;
  PooledAttentionWeights pooled_attention;  ///< of the last layer
  ConvolutionWeights convolution;
  NormWeights final_norm;
  std::vector<HeadWeights> head;
};

/// Reads and packs every weight on all threads of `pool`, those of the blocks in `type`.
/// Throws Error{corrupt_data} naming a tensor that holds NaN or infinity, {unsupported} for a weight too large for
/// `type`, {resource_exhausted} when memory runs out.
ModelWeights load_weights(const Network& network, const WeightSource& source, const Kernels& kernels, NumberType type,
                          ThreadPool& pool);

}  // namespace paceline
