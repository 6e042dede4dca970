#pragma once

#include <cstddef>

#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// That a batch is one that the model takes, its ids and token types in their tables, and `logits_size` right for it.
/// Throws Error{invalid_argument}, more clearly than the engine would.
void check_batch(const PackedBatch& batch, const Network& network, std::size_t logits_size);

}  // namespace paceline
