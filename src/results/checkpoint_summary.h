#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "results/results.h"

namespace paceline {

/// What a checkpoint is; nothing of how much it computes. `hash`: Checkpoint::hash.
CheckpointSummary summarize(const Checkpoint& checkpoint, const std::string& hash);

}  // namespace paceline
