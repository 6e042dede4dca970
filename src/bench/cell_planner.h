#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch_planner.h"
#include "bench/warm_up.h"
#include "results/results.h"
#include "statistics/random.h"

namespace paceline {

/// How much work a batch is, before it has been run: floating-point operations of its sequences.
class WorkTable {
 public:
  WorkTable() = default;
  /// `flops_of_length[n]` for one sequence of n tokens; as long as the longest text plus one.
  WorkTable(std::vector<double> flops_of_length, std::vector<int32_t> lengths)
      : flops_of_length_(std::move(flops_of_length)), lengths_(std::move(lengths)) {}

  /// Of the real tokens, or, `padded`, as if every sequence were as long as the batch's longest.
  double batch_flops(const PlannedBatch& batch, bool padded) const;
  double length_flops(int32_t tokens) const { return flops_of_length_[static_cast<std::size_t>(tokens)]; }
  double text_flops(uint32_t text) const { return flops_of_length_[static_cast<std::size_t>(lengths_[text])]; }

 private:
  std::vector<double> flops_of_length_;
  std::vector<int32_t> lengths_;
};

/// Seconds of a batch on one backend: a fixed part per run and a part that grows with the work.
struct CostModel {
  double fixed_seconds = 0;
  double seconds_per_flop = 0;
  bool padded = false;
  std::set<ShapeClass> warm = {};  ///< what it has run, so that no warm-up is needed

  double seconds(double flops) const { return fixed_seconds + seconds_per_flop * flops; }
};

/// The line through two probes (work, seconds). Noise can turn it; then the larger probe alone gives the slope.
CostModel fit_cost(double small_flops, double small_seconds, double large_flops, double large_seconds);

/// A backend at a compute type, as far as the grid needs to know.
struct GridBackend {
  std::string backend;
  std::string compute_type;
  std::string device = "cpu";
  bool padded = false;
  int32_t threads = 1;
  int32_t instances = 1;
};

/// The batches of one (batch size or token budget, order), shared by every backend.
struct GridPlan {
  BatchPlan batches;
  int32_t batch_size = 0;
  int32_t max_batch_tokens = 0;
  Order order = Order::kInput;
  int32_t batches_per_round = 1;  ///< of which a round times that many
};

/// A configuration to be measured.
struct Cell {
  Configuration configuration;
  std::size_t backend = 0;  ///< index into the backends
  std::size_t plan = 0;     ///< index into Grid::plans
};

struct Grid {
  std::vector<GridPlan> plans;
  std::vector<Cell> cells;
  std::vector<std::string> notes{};  ///< what was asked for and is no cell, in sentences
};

struct GridOptions {
  std::vector<int32_t> batch_sizes;
  std::vector<int32_t> max_batch_tokens;
  std::vector<Order> orders;
};

/// Leaves out batch sizes above the number of sequences, and token budgets above their tokens: each would be one and
/// the same batch of everything, under a name that promises more. Where nothing else would be left, the smallest stays.
/// `unit` names a sequence ("text"). Returns what it did in sentences.
std::vector<std::string> leave_out_unfilled(GridOptions& options, std::span<const int32_t> lengths,
                                            std::string_view unit);

/// Every backend with every plan; token budgets only for backends that do not pad.
/// Throws Error{invalid_argument} for a size below 1 or nothing to measure.
Grid make_grid(std::span<const GridBackend> backends, std::span<const int32_t> lengths, const GridOptions& options);

double texts_per_batch(const GridPlan& plan);

/// How many batches of a plan hold about `texts` texts: at least one.
int32_t batches_for(const GridPlan& plan, int32_t texts);

/// Sets how many batches of each plan a round times: about `texts` texts of them, at least one batch.
void set_texts_per_turn(Grid& grid, int32_t texts);

/// Predicted seconds of all batches of a plan.
double plan_seconds(const GridPlan& plan, const CostModel& cost, const WorkTable& work);

/// Floating-point operations of all batches of a plan, `padded` or not.
double plan_flops(const GridPlan& plan, bool padded, const WorkTable& work);

/// Predicted seconds of one round's share of a cell, with what wakes the worker up.
double turn_seconds(const Grid& grid, const Cell& cell, std::span<const CostModel> costs, const WorkTable& work);

/// Predicted seconds of one round over every cell.
double round_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work);

/// Texts in one round's share of a cell, where the budget allows: enough for a batch-1 cell to see short and long
/// texts alike, half of the largest default batch.
inline constexpr int32_t kTextsPerTurn = 32;

/// Fewer do not pay: it is the large batches that take the time, and they are not cut.
inline constexpr int32_t kFewestTextsPerTurn = 8;

/// Systematic subsets of a list of batches: every k-th from a start; each start is used once, in random order, before
/// one comes again.
class SubsetSchedule {
 public:
  /// `batches`: positions in a plan, ascending, not empty. About `per_round` of them make a subset. With `reserve`
  /// the later half of the starts is never used, so that fresh batches are left.
  SubsetSchedule(std::vector<uint32_t> batches, int32_t per_round, bool reserve, Random& random);

  /// The next round's batches.
  std::vector<uint32_t> next();

  /// How many different subsets there are.
  std::size_t subsets() const { return starts_.size(); }

 private:
  std::vector<uint32_t> batches_;
  std::size_t stride_ = 1;
  std::vector<std::size_t> starts_;
  std::size_t turn_ = 0;
};

}  // namespace paceline
