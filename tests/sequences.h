#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "paceline/backend.h"
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

/// The answers of a backend to one batch.
inline std::vector<float> run_batch(Backend& backend, const PackedBatch& batch) {
  std::vector<float> logits(static_cast<std::size_t>(batch.sequences() * backend.info().outputs));
  backend.run(batch, logits);
  return logits;
}

inline std::vector<float> run(Backend& backend, const std::vector<std::vector<int32_t>>& sequences) {
  return run_batch(backend, batch_of(sequences));
}

/// The answers to each sequence in a batch of its own, one behind the other.
inline std::vector<float> run_each_alone(Backend& backend, const std::vector<std::vector<int32_t>>& sequences) {
  std::vector<float> logits;
  for (const auto& sequence : sequences) {
    const std::vector<float> row = run(backend, {sequence});
    logits.insert(logits.end(), row.begin(), row.end());
  }
  return logits;
}

}  // namespace paceline
