#pragma once

#include <cstddef>

#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// Refuses a batch that `network` cannot run or whose logits do not fit: cu_seqlens that do not describe the ids,
/// sequences outside 1 to max_tokens or max_seqlen, a wider max_seqlen, ids outside the vocabulary, token types outside
/// their table, none for a network to which none are not the same as zeros.
/// Throws Error{invalid_argument} that names the sequence. Allocates nothing when all is well.
void check_batch(const PackedBatch& batch, const Network& network, std::size_t logits_size);

}  // namespace paceline
