#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace paceline {

/// Sequences back to back, without padding. T = total tokens, B = sequences.
struct PackedBatch {
  std::vector<int32_t> input_ids;       ///< [T]
  std::vector<int32_t> token_type_ids;  ///< [T]; empty: the model gets none
  std::vector<int32_t> cu_seqlens{0};   ///< [B + 1], first 0, last T
  int32_t max_seqlen = 0;               ///< tokens of the longest sequence

  int32_t sequences() const { return static_cast<int32_t>(cu_seqlens.size()) - 1; }
  int32_t tokens() const { return cu_seqlens.back(); }
  int32_t length(int32_t sequence) const {
    return cu_seqlens[static_cast<std::size_t>(sequence) + 1] - cu_seqlens[static_cast<std::size_t>(sequence)];
  }
};

}  // namespace paceline
