#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "network/network.h"

namespace paceline {

/// Walks a sequence's tokens and says which row of the position table each of them takes.
class PositionRows {
 public:
  /// `before`: the sequence's tokens before the first that next() is asked for.
  explicit PositionRows(const Embeddings& embeddings, std::span<const int32_t> before = {})
      : uncounted_id_(embeddings.uncounted_id),
        uncounted_row_(embeddings.position_offset - 1),
        row_(embeddings.position_offset +
             static_cast<int32_t>(std::ssize(before) - std::count(before.begin(), before.end(), uncounted_id_))) {}

  int32_t next(int32_t id) { return id == uncounted_id_ ? uncounted_row_ : row_++; }

 private:
  int32_t uncounted_id_;
  int32_t uncounted_row_;
  int32_t row_;  ///< of the next token that counts
};

}  // namespace paceline
