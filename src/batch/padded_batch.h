#pragma once

#include <cstdint>
#include <vector>

#include "paceline/packed_batch.h"

namespace paceline {

/// The same sequences as a rectangle, for engines that cannot do without. [B, S], row-major, S = max_seqlen.
struct PaddedBatch {
  int64_t sequences = 0;
  int64_t max_seqlen = 0;
  std::vector<int64_t> input_ids;
  std::vector<int64_t> attention_mask;  ///< 1 for real tokens
  std::vector<int64_t> token_type_ids;  ///< empty where the packed batch has none
};

/// Pads on the right with `pad_token_id`, reusing `out`'s memory.
void pad_batch(const PackedBatch& batch, int64_t pad_token_id, PaddedBatch& out);

}  // namespace paceline
