#include "bench/cell_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "paceline/error.h"

namespace paceline {
namespace {

void check_sizes(std::span<const int32_t> sizes, const char* flag) {
  for (int32_t size : sizes) {
    if (size < 1) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[bench] {} holds {}, each must be at least 1.", flag, size));
    }
  }
}

GridPlan plan_of(std::span<const int32_t> lengths, int32_t batch_size, int32_t max_batch_tokens, Order order) {
  GridPlan plan;
  plan.batch_size = batch_size;
  plan.max_batch_tokens = max_batch_tokens;
  plan.order = order;
  plan.batches =
      plan_batches(lengths, {.batch_size = batch_size, .max_batch_tokens = max_batch_tokens, .order = order});
  return plan;
}

int32_t batches_for(const GridPlan& plan, int32_t texts) {
  const double batches = static_cast<double>(plan.batches.batches.size());
  size_t all = 0;
  for (const PlannedBatch& batch : plan.batches.batches) all += batch.indices.size();
  const double per_batch = static_cast<double>(all) / batches;
  return static_cast<int32_t>(std::clamp(std::round(texts / per_batch), 1.0, batches));
}

bool has_other_sizes(const Grid& grid, int32_t batch_size) {
  return std::any_of(grid.cells.begin(), grid.cells.end(),
                     [&](const Cell& cell) { return cell.configuration.batch_size != batch_size; });
}

bool drop_batch_size(Grid& grid, int32_t batch_size) {
  if (!has_other_sizes(grid, batch_size)) return false;
  return std::erase_if(grid.cells, [&](const Cell& cell) { return cell.configuration.batch_size == batch_size; }) > 0;
}

}  // namespace

double WorkTable::batch_flops(const PlannedBatch& batch, bool padded) const {
  if (padded) {
    return static_cast<double>(batch.indices.size()) * flops_of_length_[static_cast<std::size_t>(batch.max_seqlen)];
  }
  double flops = 0;
  for (uint32_t text : batch.indices) flops += text_flops(text);
  return flops;
}

CostModel fit_cost(double small_flops, double small_seconds, double large_flops, double large_seconds) {
  CostModel cost;
  cost.seconds_per_flop = large_seconds / large_flops;
  if (large_flops > small_flops && large_seconds > small_seconds) {
    const double slope = (large_seconds - small_seconds) / (large_flops - small_flops);
    const double fixed = small_seconds - slope * small_flops;
    if (fixed >= 0) cost = {.fixed_seconds = fixed, .seconds_per_flop = slope};
  }
  return cost;
}

Grid make_grid(std::span<const GridBackend> backends, std::span<const int32_t> lengths, const GridOptions& options) {
  check_sizes(options.batch_sizes, "--batch-sizes");
  check_sizes(options.max_batch_tokens, "--max-batch-tokens");
  Grid grid;
  for (Order order : options.orders) {
    for (int32_t size : options.batch_sizes) grid.plans.push_back(plan_of(lengths, size, 0, order));
    for (int32_t tokens : options.max_batch_tokens) grid.plans.push_back(plan_of(lengths, 0, tokens, order));
  }
  for (std::size_t b = 0; b < backends.size(); ++b) {
    for (std::size_t p = 0; p < grid.plans.size(); ++p) {
      const GridPlan& plan = grid.plans[p];
      if (backends[b].padded && plan.max_batch_tokens > 0) continue;
      const GridBackend& backend = backends[b];
      grid.cells.push_back({.configuration = {.backend = backend.backend,
                                              .compute_type = backend.compute_type,
                                              .device = backend.device,
                                              .batch_size = plan.batch_size,
                                              .max_batch_tokens = plan.max_batch_tokens,
                                              .order = plan.order,
                                              .threads = backend.threads},
                            .backend = b,
                            .plan = p});
    }
  }
  if (grid.cells.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[bench] no configuration is left to measure. Name at least one batch size and one order; token "
                "budgets are for backends that do not pad.");
  }
  set_texts_per_turn(grid, kTextsPerTurn);
  return grid;
}

void set_texts_per_turn(Grid& grid, int32_t texts) {
  for (GridPlan& plan : grid.plans) plan.batches_per_round = batches_for(plan, texts);
}

double plan_seconds(const GridPlan& plan, const CostModel& cost, const WorkTable& work) {
  double seconds = 0;
  for (const PlannedBatch& batch : plan.batches.batches) seconds += cost.seconds(work.batch_flops(batch, cost.padded));
  return seconds;
}

double turn_seconds(const Grid& grid, const Cell& cell, std::span<const CostModel> costs, const WorkTable& work) {
  const GridPlan& plan = grid.plans[cell.plan];
  const double share = plan.batches_per_round / static_cast<double>(plan.batches.batches.size());
  return share * plan_seconds(plan, costs[cell.backend], work);
}

double round_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work) {
  double seconds = 0;
  for (const Cell& cell : grid.cells) seconds += turn_seconds(grid, cell, costs, work);
  return seconds;
}

double least_confirmation_seconds(Grid grid, std::span<const CostModel> costs, const WorkTable& work) {
  constexpr std::size_t kFastest = 3;
  set_texts_per_turn(grid, kFewestTextsPerTurn);
  std::vector<std::pair<double, std::size_t>> fastest;  // seconds of the whole sample, cell
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    const Cell& cell = grid.cells[i];
    fastest.emplace_back(plan_seconds(grid.plans[cell.plan], costs[cell.backend], work), i);
  }
  std::sort(fastest.begin(), fastest.end());
  std::set<std::size_t> backends;
  double seconds = 0;
  for (std::size_t rank = 0; rank < fastest.size(); ++rank) {
    const Cell& cell = grid.cells[fastest[rank].second];
    const bool best_of_backend = backends.insert(cell.backend).second;
    if (rank < kFastest || best_of_backend) seconds += turn_seconds(grid, cell, costs, work);
  }
  return kConfirmationRounds * seconds;
}

std::vector<std::string> fit_budget(Grid& grid, std::span<const CostModel> costs, const WorkTable& work,
                                    double seconds) {
  // Neighbours on a logarithmic scale stay: 1, 8 and 64 show the curve's ends and its middle.
  constexpr std::array<int32_t, 4> kDropped{2, 16, 4, 32};
  const auto rounds_seconds = [&] { return kFewestRounds * round_seconds(grid, costs, work); };
  std::vector<std::string> notes;
  std::string dropped;
  for (int32_t size : kDropped) {
    if (rounds_seconds() <= seconds) break;
    if (drop_batch_size(grid, size)) dropped += fmt::format("{}{}", dropped.empty() ? "" : ", ", size);
  }
  if (!dropped.empty()) {
    notes.push_back(
        fmt::format("Batch sizes {} were dropped to keep the budget; a larger --budget measures them.", dropped));
  }
  int32_t texts = kTextsPerTurn;
  while (texts > kFewestTextsPerTurn && rounds_seconds() > seconds) set_texts_per_turn(grid, texts /= 2);
  if (texts < kTextsPerTurn) {
    notes.push_back(
        fmt::format("Each round times about {} texts of a configuration (at least one batch) instead of {} "
                    "to keep the budget; the intervals are wider for it.",
                    texts, kTextsPerTurn));
  }
  if (rounds_seconds() > seconds) {
    notes.push_back(
        fmt::format("Even so few batches of each configuration take longer than the budget allows: {:.0f} s for "
                    "{} rounds instead of {:.0f} s. Fewer --batch-sizes or a larger --budget help.",
                    rounds_seconds(), kFewestRounds, seconds));
  }
  return notes;
}

SubsetSchedule::SubsetSchedule(std::vector<uint32_t> batches, int32_t per_round, bool reserve, Random& random)
    : batches_(std::move(batches)),
      stride_(std::max<std::size_t>(1, batches_.size() / static_cast<std::size_t>(std::max(1, per_round)))),
      starts_(stride_) {
  std::iota(starts_.begin(), starts_.end(), std::size_t{0});
  random.shuffle(starts_);
  if (reserve) starts_.resize((starts_.size() + 1) / 2);
}

std::vector<uint32_t> SubsetSchedule::next() {
  std::vector<uint32_t> subset;
  for (std::size_t i = starts_[turn_++ % starts_.size()]; i < batches_.size(); i += stride_) {
    subset.push_back(batches_[i]);
  }
  return subset;
}

}  // namespace paceline
