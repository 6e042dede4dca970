#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/cell_planner.h"
#include "bench/contender.h"
#include "bench/length_sweep.h"

namespace paceline {

/// Times beside the budget that are shorter need no words.
inline constexpr double kWorthSaying = 1;

/// What a run has taken so far.
struct SpentTime {
  double now = 0;
  double started = 0;
  double extra_seconds = 0;   ///< beside the budget: what is done once per checkpoint
  double before_seconds = 0;  ///< of the command before it started, beside the budget, too
};

/// What is measured, and when each part of it is to end.
struct RunPlan {
  Grid grid;
  std::size_t baseline = 0;  ///< index into the grid's cells
  std::vector<SweepPoint> sweep{};
  double left = 0;  ///< of the budget, for exploration and confirmation
  double explore_until = 0;
  double confirm_until = 0;
  double round_seconds = 0;  ///< of one round over all cells
  double confirmation_seconds = 0;
  double predicted_seconds = 0;  ///< of the whole run
  double extra_seconds = 0;      ///< of them beside the budget
  bool beyond_budget = false;    ///< the least that is worth measuring takes longer
  std::string outlook{};         ///< what the confirmation will probably be cut to; empty where it is not
  std::vector<std::string> notes{};
};

/// Plans within the budget; in the article's protocol everything, however long it takes.
RunPlan plan_run(const BenchOptions& options, const BenchSubject& subject, const std::vector<Contender>& contenders,
                 const SpentTime& spent);

/// The plan in words, with the notes of the run so far.
std::string plan_words(const RunPlan& plan, const BenchSubject& subject, const std::vector<Contender>& contenders,
                       const BenchResults& results);

/// How long text to labels is measured.
double end_to_end_seconds(const BenchMethod& method);

}  // namespace paceline
