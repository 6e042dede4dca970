#pragma once

#include <memory>
#include <string>

#include "base/progress.h"
#include "bench/bench.h"
#include "checkpoint/checkpoint.h"
#include "cli/console.h"

namespace paceline {

/// Stands wherever a label of such a checkpoint appears.
inline constexpr const char* kRandomWeightsNotice =
    "the weights of this checkpoint are random: its labels mean nothing, only its speed does.";

/// On standard error, or none with --quiet.
std::unique_ptr<Progress> make_progress(bool quiet, std::string title, std::string unit);

/// Says on standard error what the checkpoint's reader noticed, and where its weights are random.
void note_checkpoint(const Checkpoint& checkpoint, Console& console);

/// Has bench and verify say the same, and what they notice of the texts.
void note_notices(BenchOptions& bench, Console& console);

}  // namespace paceline
