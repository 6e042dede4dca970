#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "results/training.h"

namespace paceline {

/// Which texts stand together in which batch. An epoch has every text once; its order follows from the seed and the
/// epoch's number alone, so that a training that is resumed goes on in the same order.
class BatchSampler {
 public:
  /// Batches drawn at random.
  BatchSampler(int64_t texts, int32_t batch_size, uint64_t seed);
  /// Batches of texts of like length, as group_by_length of transformers has them: the texts of up to 50 batches, drawn
  /// at random, are sorted by falling length; the longest text of all is in the first batch, so that memory that does
  /// not suffice is found out at once.
  BatchSampler(std::vector<int32_t> lengths, int32_t batch_size, uint64_t seed);

  /// Of an epoch; the last one may be smaller.
  int64_t batches() const { return (texts_ + batch_size_ - 1) / batch_size_; }
  /// Texts of a batch, both counted from 0. Valid until the next call.
  std::span<const uint32_t> batch(int64_t epoch, int64_t number);

 private:
  void draw(int64_t epoch);
  void group_by_length();

  int64_t texts_;
  int32_t batch_size_;
  uint64_t seed_;
  std::vector<int32_t> lengths_{};  ///< empty: at random
  std::vector<uint32_t> order_{};
  int64_t drawn_ = -1;  ///< the epoch that order_ is of
};

}  // namespace paceline
