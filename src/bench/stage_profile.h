#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "batch/batch_planner.h"
#include "bench/bench.h"
#include "bench/contender.h"
#include "model/stage_clock.h"
#include "model/stage_work.h"
#include "results/results.h"

namespace paceline {

/// Times each stage of native's forward pass: every compute type that is selected, at every batch size, in rounds
/// over all of them. One process holds all of it: only one engine runs at a time, and no other is involved.
/// Fills `profiles`, `roof`, `notes` and, when interrupted, `interrupted` of the results; then only whole rounds count.
/// Throws Error{invalid_argument} as check_profile_options, and what select_contenders and the engine throw.
void profile_stages(const BenchOptions& options, const BenchSubject& subject, BenchResults& results);

/// Throws Error{invalid_argument} for what a profile cannot be made of: another backend, a protocol, several numbers of
/// threads, ...
void check_profile_options(const BenchOptions& options);

/// The batches that a profile times: about kTextsPerTurn texts, spread evenly over the plan; whole ones where there are
/// any.
std::vector<PlannedBatch> profile_batches(std::span<const int32_t> lengths, int32_t batch_size, Order order);

/// One round's passes over a cell's batches, and the roof measured in that round.
struct ProfileTurn {
  StageTimes times;  ///< of all batches together
  Roof roof;
};

/// Medians over the turns; at least one of them. `works`: of all `batches` of a turn together, by Stage.
StageProfile summarize_profile(std::span<const ProfileTurn> turns, const std::array<StageWork, kStages>& works,
                               int32_t batches);

}  // namespace paceline
