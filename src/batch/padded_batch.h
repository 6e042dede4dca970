#pragma once

#include <cstdint>
#include <vector>

#include "paceline/packed_batch.h"

namespace paceline {

/// The same sequences as a rectangle, for engines that cannot do without. [B, S], row-major.
struct PaddedBatch {
  int64_t sequences = 0;
  int64_t max_seqlen = 0;  ///< S
  std::vector<int64_t> input_ids;
  std::vector<int64_t> attention_mask;  ///< 1 for real tokens
  std::vector<int64_t> token_type_ids;  ///< empty where the packed batch has none
};

/// Pads on the right with `pad_token_id` to the longest sequence, or to `length` tokens where that is more; reuses
/// `out`'s memory.
void pad_batch(const PackedBatch& batch, int64_t pad_token_id, PaddedBatch& out, int32_t length = 0);

}  // namespace paceline
