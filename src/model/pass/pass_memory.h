#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"
#include "model/model_weights.h"
#include "network/network.h"

namespace paceline {

/// What a block changes, and how the next product reads it.
struct Residual {
  Rows rows{};
  Rows normed{};  ///< the same rows where norms stand behind
  NumberRows in{};
};

/// The activations of one pass, sized once. What a product reads in another type than fp32 has an area of its own,
/// named `..._in`; in fp32 those are the same rows. Rows are a cache line longer than they need be, so that the rows of
/// a tile do not fall into one L1 set.
class PassMemory {
 public:
  /// `tokens`: the most of a pass.
  PassMemory(const Network& network, const ModelWeights& weights, const Kernels& kernels, int32_t tokens);

  Rows embedded;               ///< [T, E], before the projection; without one the same as hidden
  NumberRows embedded_in;      ///< [T, E]
  Rows hidden;                 ///< [T, C], what layers add to
  Rows normed;                 ///< [T, C], what a layer reads; the same as hidden where norms stand behind
  NumberRows normed_in;        ///< [T, C]
  NumberRows query_key_value;  ///< [T, 3 C and gaps], fp32 or bf16
  Rows context;                ///< [T, C], what attention mixed; later one side of the head
  NumberRows context_in;       ///< [T, C]
  Rows inner;                  ///< [kInnerRows, I]
  NumberRows inner_in;         ///< [kInnerRows, I]
  Rows pooled;                 ///< [B, C], the pooled rows of the last layer
  Rows pooled_normed;          ///< [B, C], what the head reads
  NumberRows pooled_in;        ///< [B, C]
  Rows pooled_query;           ///< [B, C]; later the other side of the head
  NumberRows query_in;         ///< [B, C]: what makes the pooled query, then itself
  Rows mixed;                  ///< [kPooledSequences x H, C], of the last layer: queries, then what they mixed
  NumberRows mixed_in;         ///< [kPooledSequences x H, C]
  float* attention_scratch = nullptr;

  Rows query_scores;    ///< [kScoreRows, columns]: queries by PositionHeads::keys
  Rows segment_scores;  ///< [kScoreRows, 2]
  Rows key_scores;      ///< [longest sequence, columns]: keys by PositionHeads::queries
  Rows score_bias;      ///< [kScoreRows, longest sequence]

  Rows convolution_in;   ///< [T + (B + 1) (kernel / 2), C] without gaps: sequences with zeros between them
  Rows convolution_out;  ///< [T, C]

  /// Rows that go through attention output and feed-forward together: the inner activations stay in L2.
  static constexpr int32_t kInnerRows = 144;

  /// Sequences that go through the last layer's attention together: enough rows for its products.
  static constexpr int32_t kPooledSequences = 48;

  /// Queries whose scores by position are made together.
  static constexpr int32_t kScoreRows = 64;

  Residual residual() const { return {hidden, normed, normed_in}; }
  /// Of the last layer where it runs for the pooled rows alone.
  Residual pooled_residual() const { return {pooled, pooled_normed, pooled_in}; }

 private:
  class Layout;
  void place(Layout& layout, const Network& network, const ModelWeights& weights, const Kernels& kernels,
             int32_t tokens);
  void place_positions(Layout& layout, const Network& network, const ModelWeights& weights);
  void place_pooled(Layout& layout, const Network& network, const ModelWeights& weights, int32_t tokens);

  AlignedBuffer memory_;
};

}  // namespace paceline
