#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "bench/cell_planner.h"

namespace paceline {

/// What is measured of a grid, and how often, so that the budget is kept.

/// Of the time for measuring: to choose; the rest confirms. Ten rounds of five or six finalists cost about as much as
/// two or three rounds of the whole grid.
inline constexpr double kExplorationShare = 0.55;

/// A cell left in the grid is explored at least this often, and at most that often.
inline constexpr int kFewestRounds = 2;
inline constexpr int kMostRounds = 10;

/// Rounds of a confirmation: what is aimed at, what is still worth its finalists, and the least.
inline constexpr int kConfirmationRounds = 10;
inline constexpr int kFairConfirmationRounds = 5;
inline constexpr int kFewestConfirmationRounds = 3;

/// The choice needs something to be compared with.
inline constexpr std::size_t kFewestFinalists = 2;
/// Cells that may be chosen and are confirmed.
inline constexpr std::size_t kCandidates = 3;

/// Texts of one confirmation round's share of a cell, at most: ten rounds of it see the usual sample more than twice.
inline constexpr int32_t kMostConfirmationTexts = 256;

/// Predicted seconds of warming up whatever kFewestRounds rounds will probably meet and a backend has not run before.
double warm_up_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work);

/// Predicted seconds of kFewestRounds rounds over every cell, warm-up included.
double least_exploration_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work);

/// A cell to be confirmed.
struct Finalist {
  std::size_t plan = 0;       ///< index into Grid::plans
  double sample_seconds = 0;  ///< of all its batches, measured or predicted
};

/// The cells that look fastest, the baseline, and the best of every other backend, in the order in which they are
/// needed. `baseline`: index into the cells, or none of them. A backend without a cost is out.
std::vector<Finalist> predicted_finalists(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work,
                                          std::size_t baseline);

/// How the finalists are measured again.
struct ConfirmationPlan {
  std::size_t finalists = 0;  ///< as many from the front of the list
  int rounds = 0;
  int32_t texts = kFewestTextsPerTurn;  ///< of a turn
  double seconds = 0;                   ///< predicted

  /// Whether the budget allowed what is aimed at, of so many finalists.
  bool whole(std::size_t wanted) const { return rounds == kConfirmationRounds && finalists == wanted; }
  /// "4 rounds instead of 10, of 3 configurations instead of 5".
  std::string words(std::size_t wanted) const;
};

/// What fits into `seconds`: ten rounds of all, with more texts where there is more time; else fewer rounds; below
/// kFairConfirmationRounds the last of the list are left out first. At least kFewestConfirmationRounds rounds of
/// kFewestFinalists, even where that takes longer. `finalists` in the order in which they are needed, not empty.
ConfirmationPlan plan_confirmation(const Grid& grid, std::span<const Finalist> finalists, double seconds);

/// What keeps a confirmation of so many rounds from measuring more of a cell. The sample has `most` batches of its plan
/// for each round; the time allows plan.batches_per_round.
ConfirmationLimit confirmation_limit(const GridPlan& plan, int32_t most, int rounds);

/// Makes exploration and confirmation fit into `seconds`: first drops batch sizes 2, 16, 4, 32, in that order; then
/// times fewer batches in a round, down to kFewestTextsPerTurn texts or one batch; then gives up the largest batches,
/// each for the next smaller size that was dropped, but never the last size. Returns what it did in sentences. Whether
/// it was enough, the predictions above tell.
std::vector<std::string> fit_budget(Grid& grid, std::span<const CostModel> costs, const WorkTable& work,
                                    double seconds);

}  // namespace paceline
