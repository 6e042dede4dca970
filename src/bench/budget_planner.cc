#include "bench/budget_planner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "words/counted.h"

namespace paceline {
namespace {

/// Neighbours on a logarithmic scale stay: 1, 8 and 64 show the curve's ends and its middle.
constexpr std::array<int32_t, 4> kDroppedFirst{2, 16, 4, 32};

/// What limits the batches of a plan, and how many texts are in one.
struct BatchLimit {
  double texts = 0;
  int32_t batch_size = 0;
  int32_t max_batch_tokens = 0;

  friend bool operator<(const BatchLimit& a, const BatchLimit& b) {
    return std::tie(a.texts, a.batch_size, a.max_batch_tokens) < std::tie(b.texts, b.batch_size, b.max_batch_tokens);
  }
};

BatchLimit limit_of(const GridPlan& plan) {
  return {.texts = texts_per_batch(plan), .batch_size = plan.batch_size, .max_batch_tokens = plan.max_batch_tokens};
}

double confirmation_seconds(const Grid& grid, std::span<const Finalist> finalists, int32_t texts) {
  double seconds = 0;
  for (const Finalist& finalist : finalists) {
    const GridPlan& plan = grid.plans[finalist.plan];
    seconds += finalist.sample_seconds * batches_for(plan, texts) / static_cast<double>(plan.batches.batches.size());
  }
  return seconds;
}

/// The grid with fewer and fewer batch sizes.
class BudgetFit {
 public:
  BudgetFit(Grid& grid, std::span<const CostModel> costs, const WorkTable& work, double seconds)
      : grid_(grid), all_(grid.cells), costs_(costs), work_(work), seconds_(seconds) {
    // Orders pack a token budget's batches differently; the larger texts-per-batch stands for both.
    std::map<std::pair<int32_t, int32_t>, BatchLimit> limits;
    for (const Cell& cell : all_) {
      const BatchLimit limit = limit_of(grid_.plans[cell.plan]);
      BatchLimit& known = limits[{limit.batch_size, limit.max_batch_tokens}];
      known = std::max(known, limit);
    }
    for (const auto& [key, limit] : limits) wanted_.insert(limit);
    kept_ = wanted_;
  }

  void drop_inner_sizes() {
    for (int32_t size : kDroppedFirst) {
      if (exploration_fits()) return;
      const auto found = std::ranges::find(kept_, size, &BatchLimit::batch_size);
      if (found == kept_.end() || kept_.size() == 1) continue;
      kept_.erase(found);
      apply();
    }
  }

  void shrink_subsets() {
    set_texts(kTextsPerTurn);
    while (texts_ > kFewestTextsPerTurn && !exploration_fits()) set_texts(texts_ / 2);
  }

  /// Whether there was a smaller size to give the largest up for.
  bool lower_largest() {
    const BatchLimit top = *kept_.rbegin();
    const auto position = wanted_.find(top);
    if (position == wanted_.begin()) return false;
    kept_.erase(top);
    kept_.insert(*std::prev(position));
    apply();
    return true;
  }

  bool fits() const {
    const double exploration = least_exploration_seconds(grid_, costs_, work_);
    const std::vector<Finalist> finalists = predicted_finalists(grid_, costs_, work_, grid_.cells.size());
    const double confirmation = kFewestConfirmationRounds * confirmation_seconds(grid_, finalists, kFewestTextsPerTurn);
    return fits_exploration(exploration) && exploration + confirmation <= seconds_;
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> notes;
    std::vector<std::string> sizes;
    for (const BatchLimit& limit : wanted_) {
      if (kept_.contains(limit)) continue;
      sizes.push_back(limit.batch_size > 0 ? fmt::format("{}", limit.batch_size)
                                           : fmt::format("of {} tokens", limit.max_batch_tokens));
    }
    if (!sizes.empty()) {
      notes.push_back(fmt::format("Batch size{} {} {} dropped to keep the budget. A larger --budget measures {}.",
                                  sizes.size() > 1 ? "s" : "", fmt::join(sizes, ", "),
                                  sizes.size() > 1 ? "were" : "was", sizes.size() > 1 ? "them" : "it"));
    }
    if (texts_ < kTextsPerTurn) {
      notes.push_back(
          fmt::format("Each round times about {} of a configuration (at least one batch) instead of {} to keep the "
                      "budget. This makes the intervals wider.",
                      counted(texts_, "text"), kTextsPerTurn));
    }
    return notes;
  }

 private:
  bool fits_exploration(double exploration) const { return exploration <= kExplorationShare * seconds_; }
  bool exploration_fits() const { return fits_exploration(least_exploration_seconds(grid_, costs_, work_)); }

  void set_texts(int32_t texts) {
    texts_ = texts;
    set_texts_per_turn(grid_, texts);
  }

  void apply() {
    grid_.cells.clear();
    for (const Cell& cell : all_) {
      const Configuration& at = cell.configuration;
      const bool kept = std::ranges::any_of(kept_, [&](const BatchLimit& limit) {
        return limit.batch_size == at.batch_size && limit.max_batch_tokens == at.max_batch_tokens;
      });
      if (kept) grid_.cells.push_back(cell);
    }
  }

  Grid& grid_;
  const std::vector<Cell> all_;
  std::span<const CostModel> costs_;
  const WorkTable& work_;
  double seconds_;
  int32_t texts_ = kTextsPerTurn;
  std::set<BatchLimit> wanted_;
  std::set<BatchLimit> kept_;
};

}  // namespace

double warm_up_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work) {
  struct Meeting {
    double seconds = 0;
    double batches = 0;
    double times = 0;  ///< that it is expected to be met
  };
  std::map<std::pair<std::size_t, ShapeClass>, Meeting> meetings;
  for (const Cell& cell : grid.cells) {
    const GridPlan& plan = grid.plans[cell.plan];
    const CostModel& cost = costs[cell.backend];
    const double share = plan.batches_per_round / static_cast<double>(plan.batches.batches.size());
    for (const PlannedBatch& batch : plan.batches.batches) {
      const ShapeClass shape = shape_class(batch.indices.size(), batch.padded_tokens());
      if (cost.warm.contains(shape)) continue;
      Meeting& meeting = meetings[{cell.backend, shape}];
      meeting.seconds += cost.seconds(work.batch_flops(batch, cost.padded));
      meeting.batches += 1;
      meeting.times += kFewestRounds * share;
    }
  }
  double seconds = 0;
  for (const auto& [key, meeting] : meetings) {
    seconds += meeting.seconds / meeting.batches * std::min(1.0, meeting.times);
  }
  return seconds;
}

double least_exploration_seconds(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work) {
  return kFewestRounds * round_seconds(grid, costs, work) + warm_up_seconds(grid, costs, work);
}

std::vector<Finalist> predicted_finalists(const Grid& grid, std::span<const CostModel> costs, const WorkTable& work,
                                          std::size_t baseline) {
  std::vector<std::pair<double, std::size_t>> fastest;  // seconds of the whole sample, cell
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    const Cell& cell = grid.cells[i];
    const double seconds = plan_seconds(grid.plans[cell.plan], costs[cell.backend], work);
    if (seconds > 0) fastest.emplace_back(seconds, i);
  }
  std::sort(fastest.begin(), fastest.end());
  std::vector<std::pair<double, std::size_t>> chosen(
      fastest.begin(), fastest.begin() + static_cast<std::ptrdiff_t>(std::min(kCandidates, fastest.size())));
  const auto add = [&](const std::pair<double, std::size_t>& entry) {
    if (std::ranges::find(chosen, entry) == chosen.end()) chosen.push_back(entry);
  };
  const auto found = std::ranges::find(fastest, baseline, &std::pair<double, std::size_t>::second);
  if (found != fastest.end()) add(*found);
  std::set<std::size_t> backends;
  for (const auto& entry : fastest) {
    if (backends.insert(grid.cells[entry.second].backend).second) add(entry);
  }
  std::vector<Finalist> finalists;
  for (const auto& [seconds, index] : chosen) {
    finalists.push_back({.plan = grid.cells[index].plan, .sample_seconds = seconds});
  }
  return finalists;
}

std::string ConfirmationPlan::words(std::size_t wanted) const {
  std::string words = rounds == kConfirmationRounds
                          ? counted(rounds, "round")
                          : fmt::format("{} instead of {}", counted(rounds, "round"), kConfirmationRounds);
  if (finalists < wanted)
    words += fmt::format(", of {} instead of {}", counted(static_cast<int64_t>(finalists), "configuration"), wanted);
  return words;
}

ConfirmationPlan plan_confirmation(const Grid& grid, std::span<const Finalist> finalists, double seconds) {
  ConfirmationPlan plan;
  const std::size_t fewest = std::min(kFewestFinalists, finalists.size());
  for (const int least : {kFairConfirmationRounds, kFewestConfirmationRounds}) {
    for (std::size_t count = finalists.size(); count >= fewest && plan.rounds == 0; --count) {
      const double round = confirmation_seconds(grid, finalists.first(count), kFewestTextsPerTurn);
      const double rounds = std::min<double>(kConfirmationRounds, std::floor(seconds / round));
      if (rounds >= least) plan = {.finalists = count, .rounds = static_cast<int>(rounds)};
    }
  }
  if (plan.rounds == 0) plan = {.finalists = fewest, .rounds = kFewestConfirmationRounds};
  const auto total = [&](int32_t texts) {
    return plan.rounds * confirmation_seconds(grid, finalists.first(plan.finalists), texts);
  };
  while (plan.texts < kMostConfirmationTexts && total(2 * plan.texts) <= seconds) plan.texts *= 2;
  plan.seconds = total(plan.texts);
  return plan;
}

ConfirmationLimit confirmation_limit(const GridPlan& plan, int32_t most, int rounds) {
  const int32_t wanted = batches_for(plan, kMostConfirmationTexts);
  if (rounds < kConfirmationRounds || plan.batches_per_round < std::min(most, wanted)) {
    return ConfirmationLimit::kBudget;
  }
  return most < wanted ? ConfirmationLimit::kTexts : ConfirmationLimit::kNone;
}

std::vector<std::string> fit_budget(Grid& grid, std::span<const CostModel> costs, const WorkTable& work,
                                    double seconds) {
  BudgetFit fit(grid, costs, work, seconds);
  fit.drop_inner_sizes();
  fit.shrink_subsets();
  while (!fit.fits() && fit.lower_largest()) fit.shrink_subsets();
  return fit.notes();
}

}  // namespace paceline
