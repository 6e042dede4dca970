#include "batch/padded_batch.h"

#include <algorithm>
#include <cstddef>

namespace paceline {
namespace {

/// Copies sequence after sequence to the starts of rows; what lies between keeps `fill`.
void spread_rows(const PackedBatch& batch, const std::vector<int32_t>& packed, int64_t fill, PaddedBatch& shape,
                 std::vector<int64_t>& rows) {
  rows.assign(static_cast<std::size_t>(shape.sequences * shape.max_seqlen), fill);
  for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
    const auto first = packed.begin() + batch.cu_seqlens[static_cast<std::size_t>(sequence)];
    std::copy_n(first, batch.length(sequence), rows.begin() + sequence * shape.max_seqlen);
  }
}

}  // namespace

void pad_batch(const PackedBatch& batch, int64_t pad_token_id, PaddedBatch& out, int32_t length) {
  out.sequences = batch.sequences();
  out.max_seqlen = std::max(batch.max_seqlen, length);
  spread_rows(batch, batch.input_ids, pad_token_id, out, out.input_ids);
  if (batch.token_type_ids.empty()) {
    out.token_type_ids.clear();
  } else {
    spread_rows(batch, batch.token_type_ids, 0, out, out.token_type_ids);
  }
  out.attention_mask.assign(out.input_ids.size(), 0);
  for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
    std::fill_n(out.attention_mask.begin() + sequence * out.max_seqlen, batch.length(sequence), int64_t{1});
  }
}

}  // namespace paceline
