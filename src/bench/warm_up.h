#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace paceline {

/// What a worker runs besides what it times. The worker obeys it, bench predicts the time by it.

/// Engines size their buffers and choose their paths by how much there is to do: powers of two of the padded tokens,
/// with one sequence apart from several. A class not seen before is warmed up: its batch is run once more, uncounted.
using ShapeClass = std::pair<bool, int>;

inline ShapeClass shape_class(std::size_t sequences, int64_t padded_tokens) {
  return {sequences == 1, std::bit_width(static_cast<uint64_t>(padded_tokens))};
}

/// Batches up to this much work are run once, uncounted, before each timing: the other workers have since emptied the
/// caches and this one's threads sleep, which would be a tenth of so short a run and is nothing to a longer one.
inline constexpr int64_t kWakeTokens = 128;

inline bool needs_wake(int64_t padded_tokens) { return padded_tokens <= kWakeTokens; }

}  // namespace paceline
