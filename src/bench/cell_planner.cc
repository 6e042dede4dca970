#include "bench/cell_planner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "paceline/error.h"
#include "words/counted.h"

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

/// What limits batches by one measure, and how much of it the sample has.
struct SampleLimit {
  std::vector<int32_t>& sizes;
  std::string_view name;  ///< "Batch size"
  int64_t most = 0;
  std::string sample;  ///< "20 texts"
  bool needed = true;  ///< one has to be left
};

/// Leaves out the sizes above the sample's, and says so.
void leave_out(const SampleLimit& is, std::vector<std::string>& notes) {
  std::set<int32_t> above;
  for (const int32_t size : is.sizes) {
    if (size > is.most) above.insert(size);
  }
  std::erase_if(is.sizes, [&](int32_t size) { return size > is.most; });
  if (is.needed && is.sizes.empty() && !above.empty()) {
    is.sizes.push_back(*above.begin());
    notes.push_back(
        fmt::format("{} {} puts the whole sample into one batch: it has {}.", is.name, *above.begin(), is.sample));
    above.erase(above.begin());
  }
  if (above.empty()) return;
  const bool several = above.size() > 1;
  notes.push_back(fmt::format("{}{} {} {} left out: the sample has {}.", is.name, several ? "s" : "",
                              fmt::join(above, ", "), several ? "are" : "is", is.sample));
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

std::vector<std::string> leave_out_unfilled(GridOptions& options, std::span<const int32_t> lengths,
                                            std::string_view unit) {
  const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  std::vector<std::string> notes;
  leave_out({.sizes = options.batch_sizes,
             .name = "Batch size",
             .most = std::ssize(lengths),
             .sample = counted(std::ssize(lengths), unit)},
            notes);
  // Backends that pad take no token budget: one that is left does not replace the batch sizes.
  leave_out({.sizes = options.max_batch_tokens,
             .name = "Token budget",
             .most = tokens,
             .sample = counted(tokens, "token"),
             .needed = options.batch_sizes.empty()},
            notes);
  return notes;
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
                                              .threads = backend.threads,
                                              .instances = backend.instances},
                            .backend = b,
                            .plan = p});
    }
  }
  if (grid.cells.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[bench] no configuration is left to measure. Name at least one batch size and one order; token "
                "budgets are for backends that do not pad.");
  }
  if (!options.max_batch_tokens.empty() && std::ranges::all_of(backends, &GridBackend::padded)) {
    grid.notes.push_back(
        fmt::format("Token budgets ({}) were not measured: they are for backends that do not pad, and "
                    "every backend here pads.",
                    fmt::join(options.max_batch_tokens, ", ")));
  }
  set_texts_per_turn(grid, kTextsPerTurn);
  return grid;
}

double texts_per_batch(const GridPlan& plan) {
  std::size_t all = 0;
  for (const PlannedBatch& batch : plan.batches.batches) all += batch.indices.size();
  return static_cast<double>(all) / static_cast<double>(plan.batches.batches.size());
}

int32_t batches_for(const GridPlan& plan, int32_t texts) {
  const double batches = static_cast<double>(plan.batches.batches.size());
  return static_cast<int32_t>(std::clamp(std::round(texts / texts_per_batch(plan)), 1.0, batches));
}

void set_texts_per_turn(Grid& grid, int32_t texts) {
  for (GridPlan& plan : grid.plans) plan.batches_per_round = batches_for(plan, texts);
}

double plan_seconds(const GridPlan& plan, const CostModel& cost, const WorkTable& work) {
  double seconds = 0;
  for (const PlannedBatch& batch : plan.batches.batches) seconds += cost.seconds(work.batch_flops(batch, cost.padded));
  return seconds;
}

double plan_flops(const GridPlan& plan, bool padded, const WorkTable& work) {
  double flops = 0;
  for (const PlannedBatch& batch : plan.batches.batches) flops += work.batch_flops(batch, padded);
  return flops;
}

double turn_seconds(const Grid& grid, const Cell& cell, std::span<const CostModel> costs, const WorkTable& work) {
  const GridPlan& plan = grid.plans[cell.plan];
  const CostModel& cost = costs[cell.backend];
  const double batches = static_cast<double>(plan.batches.batches.size());
  double wake = 0;
  for (const PlannedBatch& batch : plan.batches.batches) {
    if (needs_wake(batch.padded_tokens())) wake += cost.seconds(work.batch_flops(batch, cost.padded)) / batches;
  }
  return plan.batches_per_round / batches * plan_seconds(plan, cost, work) + wake;
}

double round_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work) {
  double seconds = 0;
  for (const Cell& cell : grid.cells) seconds += turn_seconds(grid, cell, costs, work);
  return seconds;
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
