#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "paceline/packed_batch.h"

namespace paceline {

/// For tests: a batch of these sequences.
inline PackedBatch batch_of(const std::vector<std::vector<int32_t>>& sequences) {
  PackedBatch batch;
  for (const auto& ids : sequences) {
    batch.input_ids.insert(batch.input_ids.end(), ids.begin(), ids.end());
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.input_ids.size()));
    batch.max_seqlen = std::max(batch.max_seqlen, static_cast<int32_t>(ids.size()));
  }
  return batch;
}

/// Sequences of these lengths with ids of a small generator in [2, 50), none of them padding.
inline std::vector<std::vector<int32_t>> sequences_of(const std::vector<int>& lengths) {
  std::vector<std::vector<int32_t>> sequences;
  uint32_t state = 7;
  for (const int length : lengths) {
    auto& ids = sequences.emplace_back();
    for (int i = 0; i < length; ++i) {
      state = state * 1664525 + 1013904223;
      ids.push_back(2 + static_cast<int32_t>((state >> 8) % 48));
    }
  }
  return sequences;
}

}  // namespace paceline
