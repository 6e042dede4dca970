#include "bench/measurement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "results/describe.h"
#include "results/series.h"
#include "results/statistics.h"
#include "words/numbers.h"

namespace paceline {
namespace {

double mean_turn_seconds(const MeasuredCell& measured) {
  double seconds = 0;
  for (const Timing& timing : measured.timings) seconds += timing.seconds;
  return measured.timings.empty() ? 0 : seconds / static_cast<double>(measured.timings.size());
}

double typical_seconds(const MeasuredCell& measured) {
  const std::vector<double> series = series_of(measured.timings, false).sample_seconds;
  return series.empty() ? INFINITY : median(series);
}

/// Whether times that are `ratios` of the best cell's are surely longer than it by more than noise between two starts.
/// With two or three rounds a cell's own spread says little, so the larger of it and the typical one counts.
bool surely_slower(const std::vector<double>& ratios, const PooledSpread& typical) {
  if (ratios.size() < static_cast<std::size_t>(kFewestRounds) || typical.degrees < 1) return false;
  return estimate(ratios, typical).low > 1 + kSameSpeedMargin;
}

std::vector<uint32_t> all_batches(const GridPlan& plan) {
  std::vector<uint32_t> all(plan.batches.batches.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

/// Batches of a plan, and what they are by the cost model.
struct TurnWork {
  std::vector<BatchIndices> lists;
  int64_t tokens = 0;
  double flops = 0;
  double seconds = 0;
};

TurnWork work_of_turn(const GridPlan& plan, std::span<const uint32_t> batches, const CostModel& cost,
                      const WorkTable& work) {
  TurnWork turn;
  for (const uint32_t position : batches) {
    const PlannedBatch& batch = plan.batches.batches[position];
    const double flops = work.batch_flops(batch, cost.padded);
    turn.lists.push_back(batch.indices);
    turn.tokens += batch.tokens;
    turn.flops += flops;
    turn.seconds += cost.seconds(flops);
  }
  return turn;
}

}  // namespace

Measurement::Measurement(Grid grid, std::vector<Contender>& contenders, const Context& context)
    : grid_(std::move(grid)), contenders_(contenders), context_(context), random_(context.seed) {
  for (const Cell& cell : grid_.cells) {
    MeasuredCell measured{.cell = cell, .timings = {}, .text_seconds = {}};
    const GridPlan& plan = grid_.plans[cell.plan];
    const CostModel& cost = contenders_[cell.backend].cost;
    measured.predicted_seconds = plan_seconds(plan, cost, context_.subject.work);
    measured.flops = plan_flops(plan, cost.padded, context_.subject.work);
    cells_.push_back(std::move(measured));
  }
}

void Measurement::explore(std::size_t baseline, double deadline) {
  std::map<std::size_t, SubsetSchedule> schedules;
  for (const MeasuredCell& measured : cells_) {
    const GridPlan& plan = grid_.plans[measured.cell.plan];
    schedules.try_emplace(measured.cell.plan, all_batches(plan), plan.batches_per_round, true, random_);
  }
  for (int round = 0; round < kMostRounds; ++round) {
    const std::vector<std::size_t> live = live_cells();
    if (live.empty()) return;
    if (round >= kFewestRounds && context_.environment.now() + expected_round_seconds() > deadline) return;
    Subsets subsets;
    for (auto& [plan, schedule] : schedules) {
      subsets[plan] = schedule.next();
      used_[plan].insert(subsets[plan].begin(), subsets[plan].end());
    }
    run_round(live, subsets, {.round = round, .confirmation = false});
    if (round + 1 >= kFewestRounds) drop_slow_cells(baseline);
  }
}

void Measurement::measure_all(int rounds) {
  set_texts_per_turn(grid_, std::numeric_limits<int32_t>::max());
  Subsets subsets;
  for (std::size_t plan = 0; plan < grid_.plans.size(); ++plan) {
    subsets[plan] = all_batches(grid_.plans[plan]);
    used_[plan].insert(subsets[plan].begin(), subsets[plan].end());
  }
  std::vector<std::size_t> cells(cells_.size());
  std::iota(cells.begin(), cells.end(), std::size_t{0});
  expect_turns(cells, rounds);
  for (int round = 0; round < rounds; ++round) run_round(cells, subsets, {.round = round, .confirmation = false});
}

void Measurement::confirm(std::span<const std::size_t> finalists, double deadline) {
  if (finalists.empty()) return;
  choose_confirmation(finalists, deadline);
  finalists = finalists.first(confirmation_.finalists);
  std::map<std::size_t, SubsetSchedule> schedules = confirmation_schedules(finalists);
  expect_turns(finalists, confirmation_.rounds);
  for (int round = 0; round < confirmation_.rounds; ++round) {
    Subsets subsets;
    for (auto& [plan, schedule] : schedules) subsets[plan] = schedule.next();
    run_round({finalists.begin(), finalists.end()}, subsets, {.round = round, .confirmation = true});
  }
}

void Measurement::run_round(std::vector<std::size_t> cells, const Subsets& subsets, Timing base) {
  random_.shuffle(cells);
  for (std::size_t index : cells) {
    MeasuredCell& measured = cells_[index];
    run_turn(measured, subsets.at(measured.cell.plan), base);
    left_seconds_ = std::max(0.0, left_seconds_ - turn_seconds_of(measured));
    report_progress();
  }
}

void Measurement::run_turn(MeasuredCell& measured, const std::vector<uint32_t>& batches, Timing timing) {
  Contender& contender = contenders_[measured.cell.backend];
  const GridPlan& plan = grid_.plans[measured.cell.plan];
  const TurnWork work = work_of_turn(plan, batches, contender.cost, context_.subject.work);
  timing.batches = static_cast<int32_t>(work.lists.size());
  timing.tokens = work.tokens;
  timing.share = work.seconds / measured.predicted_seconds;
  const auto [least_share, most_share] =
      std::minmax({static_cast<double>(batches.size()) / static_cast<double>(plan.batches.batches.size()),
                   work.flops / measured.flops});
  SavedTurn turn{.key = {}, .timing = timing, .text_seconds = {}};
  const std::string key = turn_key(measured.cell.configuration);
  if (!context_.turns.run(contender,
                          {.key = key,
                           .batches = work.lists,
                           .expected_seconds = work.seconds,
                           .of_single_texts = plan.batch_size == 1,
                           .alike_in_every_run = context_.whole_sample && !timing.confirmation,
                           .least_share = least_share,
                           .most_share = most_share},
                          turn)) {
    return;
  }
  measured.timings.push_back(turn.timing);
  measured.text_seconds.insert(measured.text_seconds.end(), turn.text_seconds.begin(), turn.text_seconds.end());
  const double ms = 1e3 * typical_seconds(measured) / static_cast<double>(context_.subject.workload.summary.texts);
  if (std::isfinite(ms) && (best_.empty() || ms < best_ms_)) {
    best_ms_ = ms;
    best_ = configuration_words(measured.cell.configuration);
  }
}

std::vector<std::size_t> Measurement::live_cells() const {
  std::vector<std::size_t> live;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cells_[i].live && contenders_[cells_[i].cell.backend].running()) live.push_back(i);
  }
  return live;
}

double Measurement::expected_round_seconds() const {
  double seconds = 0;
  for (std::size_t index : live_cells()) seconds += mean_turn_seconds(cells_[index]);
  return seconds;
}

void Measurement::drop_slow_cells(std::size_t baseline) {
  std::map<std::size_t, std::size_t> best;  // contender -> its fastest cell
  for (std::size_t index : live_cells()) {
    const auto [entry, first] = best.try_emplace(cells_[index].cell.backend, index);
    if (!first && typical_seconds(cells_[index]) < typical_seconds(cells_[entry->second])) {
      entry->second = index;
    }
  }
  std::map<std::size_t, std::vector<double>> ratios;
  std::vector<std::vector<double>> groups;
  for (std::size_t index : live_cells()) {
    const std::size_t fastest = best.at(cells_[index].cell.backend);
    if (index == fastest) continue;
    ratios[index] = paired_ratios(series_of(cells_[index].timings, false), series_of(cells_[fastest].timings, false));
    groups.push_back(ratios[index]);
  }
  const PooledSpread typical = pooled_log_spread(groups);
  for (const auto& [index, series] : ratios) {
    if (index != baseline && surely_slower(series, typical)) cells_[index].live = false;
  }
}

void Measurement::choose_confirmation(std::span<const std::size_t> finalists, double deadline) {
  std::vector<Finalist> candidates;
  for (std::size_t index : finalists) {
    const double seconds = typical_seconds(cells_[index]);
    candidates.push_back({.plan = cells_[index].cell.plan,
                          .sample_seconds = std::isfinite(seconds) ? seconds : cells_[index].predicted_seconds});
  }
  confirmation_ = plan_confirmation(grid_, candidates, deadline - context_.environment.now());
  set_texts_per_turn(grid_, confirmation_.texts);
  if (confirmation_.whole(finalists.size())) return;
  notes_.push_back(
      fmt::format("To keep the budget, the confirmation has {}. A larger --budget gives narrower intervals.",
                  confirmation_.words(finalists.size())));
}

std::map<std::size_t, SubsetSchedule> Measurement::confirmation_schedules(std::span<const std::size_t> finalists) {
  std::map<std::size_t, SubsetSchedule> schedules;
  bool repeated = false;
  for (std::size_t index : finalists) {
    const std::size_t plan = cells_[index].cell.plan;
    if (schedules.contains(plan)) continue;
    const std::set<uint32_t>& used = used_[plan];
    std::vector<uint32_t> fresh;
    for (uint32_t i = 0; i < grid_.plans[plan].batches.batches.size(); ++i) {
      if (!used.contains(i)) fresh.push_back(i);
    }
    if (fresh.empty()) {
      repeated = !context_.whole_sample;
      fresh.assign(used.begin(), used.end());
    }
    // Each round is to see a subset of its own where there are that many batches.
    const int32_t most = std::max<int32_t>(1, static_cast<int32_t>(fresh.size()) / confirmation_.rounds);
    limits_[plan] = confirmation_limit(grid_.plans[plan], most, confirmation_.rounds);
    const int32_t per_round = std::min(grid_.plans[plan].batches_per_round, most);
    schedules.try_emplace(plan, fresh, per_round, false, random_);
  }
  if (repeated) {
    notes_.push_back("The sample has too few batches of some size to confirm on unused ones. Give a larger --texts.");
  }
  return schedules;
}

void Measurement::expect_turns(std::span<const std::size_t> cells, int rounds) {
  left_seconds_ = 0;
  for (const std::size_t index : cells) left_seconds_ += rounds * turn_seconds_of(cells_[index]);
}

double Measurement::turn_seconds_of(const MeasuredCell& measured) const {
  const GridPlan& plan = grid_.plans[measured.cell.plan];
  return measured.predicted_seconds * plan.batches_per_round / static_cast<double>(plan.batches.batches.size());
}

void Measurement::report_progress() {
  if (context_.progress == nullptr) return;
  const double done = context_.environment.now() - context_.started;
  if (context_.whole_sample) {
    const double later = context_.after + (confirmation_.rounds > 0 ? 0 : context_.confirmation);
    context_.expected = done + context_.turns.pace() * (left_seconds_ + later);
  }
  const std::string note =
      best_.empty() ? "" : fmt::format("best so far: {}, {} ms per text", best_, format_number(best_ms_));
  context_.progress->update(done, context_.expected, note);
}

}  // namespace paceline
