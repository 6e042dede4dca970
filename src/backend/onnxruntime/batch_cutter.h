#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/function_ref.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// Cuts batches into those that a graph with limits of its own can take. Reuses its memory.
class BatchCutter {
 public:
  /// `equal_lengths`: no batch holds sequences of two lengths. `fixed_batch`: every batch has this many, 0: any number.
  BatchCutter(bool equal_lengths, int64_t fixed_batch) : equal_lengths_(equal_lengths), fixed_batch_(fixed_batch) {}

  bool cuts() const { return equal_lengths_ || fixed_batch_ > 0; }

  /// Calls `run` with each part and the rows of `batch` that stand in it, in order. Where a fixed batch has too few,
  /// its first sequence again fills the places behind them.
  void cut(const PackedBatch& batch, FunctionRef<void(const PackedBatch&, std::span<const int32_t>)> run);

 private:
  std::size_t end_of_part(const PackedBatch& batch, std::size_t start) const;

  bool equal_lengths_;
  int64_t fixed_batch_;
  std::vector<int32_t> rows_;
  PackedBatch part_;
};

}  // namespace paceline
