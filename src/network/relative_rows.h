#pragma once

#include <cstdint>
#include <vector>

#include "network/network.h"

namespace paceline {

/// Distances a sequence of `tokens` tokens knows: 1 - tokens to tokens - 1 (key - query), 2 tokens - 1 of them.

/// The row of the table that each distance takes, from 1 - tokens on. Of the kinds kBias and kLearned.
std::vector<int32_t> relative_rows(const RelativePositions& relative, int32_t tokens);

/// The row of each distance, [2 tokens - 1, width], of the kind kSinusoid: sines, then cosines, of
/// distance / 10000^(2 i / width), as XLNet takes them of query - key.
std::vector<float> sinusoid_rows(const RelativePositions& relative, int32_t tokens, int32_t width);

}  // namespace paceline
