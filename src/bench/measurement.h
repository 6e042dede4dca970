#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "bench/budget_planner.h"
#include "bench/turn_runner.h"

namespace paceline {

/// A cell and what was timed for it.
struct MeasuredCell {
  Cell cell;
  double predicted_seconds = 0;  ///< of all its batches
  double flops = 0;              ///< of all its batches
  bool live = true;              ///< gets more rounds
  std::vector<Timing> timings;
  std::vector<double> text_seconds;  ///< batch size 1: of each text by itself
};

/// Interleaved rounds over the cells of a grid: first all of them, to choose; then a few on other batches, to confirm.
/// A worker that fails takes its own cells out and nothing else.
class Measurement {
 public:
  struct Context {
    const BenchSubject& subject;
    const BenchEnvironment& environment;
    TurnRunner& turns;
    uint64_t seed = 0;
    Progress* progress = nullptr;
    double started = 0;         ///< on the environment's clock, for the progress bar
    double expected = 0;        ///< seconds of the whole run
    double confirmation = 0;    ///< of them, predicted for the confirmation
    double after = 0;           ///< of them behind it
    bool whole_sample = false;  ///< a round times every batch, so that none are left that were not used
  };

  Measurement(Grid grid, std::vector<Contender>& contenders, const Context& context);

  /// Rounds over all live cells until the deadline (at least kFewestRounds, at most kMostRounds). `baseline` is never
  /// dropped. Throws Interrupted.
  void explore(std::size_t baseline, double deadline);

  /// So many rounds over every batch of every cell, none dropped. Throws Interrupted.
  void measure_all(int rounds);

  /// Fresh rounds of the finalists on batches not used before, as many of as many finalists with as many texts a round
  /// as the time until the deadline allows (plan_confirmation). `finalists` in the order in which they are needed.
  /// Throws Interrupted.
  void confirm(std::span<const std::size_t> finalists, double deadline);

  const std::vector<MeasuredCell>& cells() const { return cells_; }
  const Grid& grid() const { return grid_; }
  const std::vector<std::string>& notes() const { return notes_; }
  /// How many each finalist is to get; 0 before confirm().
  int confirmation_rounds() const { return confirmation_.rounds; }
  /// What kept the confirmation of a finalist from measuring more.
  ConfirmationLimit limit_of(const MeasuredCell& finalist) const { return limits_.at(finalist.cell.plan); }

 private:
  using Subsets = std::map<std::size_t, std::vector<uint32_t>>;  ///< plan -> batches of this round

  void run_round(std::vector<std::size_t> cells, const Subsets& subsets, Timing base);
  void run_turn(MeasuredCell& measured, const std::vector<uint32_t>& batches, Timing timing);
  std::vector<std::size_t> live_cells() const;
  double expected_round_seconds() const;
  void drop_slow_cells(std::size_t baseline);
  void choose_confirmation(std::span<const std::size_t> finalists, double deadline);
  std::map<std::size_t, SubsetSchedule> confirmation_schedules(std::span<const std::size_t> finalists);
  double turn_seconds_of(const MeasuredCell& measured) const;
  void expect_turns(std::span<const std::size_t> cells, int rounds);
  void report_progress();

  Grid grid_;
  std::vector<Contender>& contenders_;
  Context context_;
  Random random_;
  std::vector<MeasuredCell> cells_;
  std::map<std::size_t, std::set<uint32_t>> used_;  ///< plan -> batches timed to choose
  ConfirmationPlan confirmation_;
  std::map<std::size_t, ConfirmationLimit> limits_;  ///< plan -> of its finalists
  double left_seconds_ = 0;                          ///< predicted, of the turns until the end of this phase
  std::string best_;
  double best_ms_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace paceline
