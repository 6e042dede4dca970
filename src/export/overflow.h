#pragma once

#include "checkpoint/checkpoint.h"
#include "network/network.h"

namespace paceline {

/// The largest magnitude among the weights that the network has.
double largest_weight(const Checkpoint& checkpoint);

/// Whether no text whatsoever makes a number of the blocks infinite in fp32: told by what sums of products can reach
/// when no weight is larger than `largest`. False where that is not certain.
bool stays_finite(const Network& network, double largest);

}  // namespace paceline
