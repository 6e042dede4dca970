#include "bench/run_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <string_view>

#include "bench/budget_planner.h"
#include "bench/cell_results.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/printable.h"

namespace paceline {
namespace {

/// A prediction this far beyond the budget is worth a warning.
constexpr double kTolerableOverrun = 1.05;
/// The length sweep gets this share of the budget, and in the article's protocol whatever it takes.
constexpr double kSweepShare = 0.07;
/// Text to labels: at most this long, and this share of the budget.
constexpr double kEndToEndSeconds = 10;
constexpr double kEndToEndShare = 0.05;

/// With loading once more.
double end_to_end_reserve(const BenchMethod& method, const std::vector<Contender>& contenders) {
  double load_ms = 0;
  for (const Contender& contender : contenders) load_ms = std::max(load_ms, contender.result.load_ms);
  return end_to_end_seconds(method) + load_ms / 1e3;
}

std::vector<CostModel> costs_of(const std::vector<Contender>& contenders) {
  std::vector<CostModel> costs;
  for (const Contender& contender : contenders) costs.push_back(contender.cost);
  return costs;
}

Grid grid_of(const GridOptions& sizes, const BenchSubject& subject, const std::vector<Contender>& contenders) {
  std::vector<GridBackend> backends;
  for (const Contender& contender : contenders) {
    backends.push_back({.backend = contender.result.backend,
                        .compute_type = contender.result.compute_type,
                        .device = contender.result.device,
                        .padded = contender.result.padded,
                        .threads = contender.result.threads,
                        .instances = contender.result.instances});
  }
  return make_grid(backends, subject.workload.lengths, sizes);
}

/// The cells, the lengths, and the time that is left for the cells.
RunPlan choose_cells(const BenchOptions& options, const BenchSubject& subject, const std::vector<Contender>& contenders,
                     const SpentTime& spent) {
  GridOptions sizes{.batch_sizes = options.choice.batch_sizes,
                    .max_batch_tokens = options.choice.max_batch_tokens,
                    .orders = options.choice.orders};
  std::vector<std::string> unfilled =
      leave_out_unfilled(sizes, subject.workload.lengths, subject.workload.summary.unit());
  RunPlan plan{.grid = grid_of(sizes, subject, contenders),
               .extra_seconds = spent.extra_seconds + spent.before_seconds,
               .notes = std::move(unfilled)};
  std::ranges::move(plan.grid.notes, std::back_inserter(plan.notes));
  if (options.method.article()) {
    set_texts_per_turn(plan.grid, std::numeric_limits<int32_t>::max());
    plan.left = std::numeric_limits<double>::infinity();
    plan.sweep = plan_sweep(contenders, subject, plan.left);
    return plan;
  }
  plan.sweep = plan_sweep(contenders, subject, kSweepShare * options.method.budget_seconds);
  plan.left = options.method.budget_seconds + spent.extra_seconds - (spent.now - spent.started) -
              end_to_end_reserve(options.method, contenders) - sweep_seconds(plan.sweep);
  std::ranges::move(fit_budget(plan.grid, costs_of(contenders), subject.work, plan.left),
                    std::back_inserter(plan.notes));
  return plan;
}

double exploration_seconds(const RunPlan& plan, const std::vector<CostModel>& costs, const WorkTable& work,
                           bool article) {
  const double warm_up = warm_up_seconds(plan.grid, costs, work);
  if (article) return warm_up + kArticleRounds * plan.round_seconds;
  const double most = warm_up + kMostRounds * plan.round_seconds;
  return std::max(least_exploration_seconds(plan.grid, costs, work), std::min(kExplorationShare * plan.left, most));
}

/// How many texts were scored, and what the accuracy says of whom; empty without labels.
std::string scored_words(const BenchResults& results, const std::vector<Contender>& contenders) {
  if (!results.labelled || results.labelled->texts == 0) return "";
  const Metric metric = results.labelled->metric;
  std::vector<std::string> places;
  for (const Contender& contender : contenders) {
    const BackendResult& is = contender.result;
    if (!is.accuracy) continue;
    places.push_back(fmt::format("{} {}{}", contender.name(), metric_figure(metric, is.accuracy->headline.value),
                                 was_rejected(is) ? " (rejected)" : ""));
  }
  return fmt::format("  {} on {}: {}.\n", metric_name(metric), counted(results.labelled->texts, "labelled text"),
                     fmt::join(places, ", "));
}

}  // namespace

double end_to_end_seconds(const BenchMethod& method) {
  return method.article() ? kEndToEndSeconds : std::min(kEndToEndSeconds, kEndToEndShare * method.budget_seconds);
}

RunPlan plan_run(const BenchOptions& options, const BenchSubject& subject, const std::vector<Contender>& contenders,
                 const SpentTime& spent) {
  RunPlan plan = choose_cells(options, subject, contenders, spent);
  plan.baseline = choose_baseline(plan.grid.cells, contenders);
  const std::vector<CostModel> costs = costs_of(contenders);
  plan.explore_until = spent.now + kExplorationShare * plan.left;
  plan.confirm_until = spent.now + plan.left;
  plan.round_seconds = round_seconds(plan.grid, costs, subject.work);
  const double exploration = exploration_seconds(plan, costs, subject.work, options.method.article());
  plan.predicted_seconds = spent.before_seconds + spent.now - spent.started + exploration + sweep_seconds(plan.sweep) +
                           end_to_end_reserve(options.method, contenders);
  const std::vector<Finalist> finalists = predicted_finalists(plan.grid, costs, subject.work, plan.baseline);
  if (!finalists.empty()) {
    const ConfirmationPlan confirmation = plan_confirmation(plan.grid, finalists, plan.left - exploration);
    plan.confirmation_seconds = confirmation.seconds;
    plan.predicted_seconds += confirmation.seconds;
    if (!confirmation.whole(finalists.size())) {
      plan.outlook = fmt::format("The confirmation will have about {}.", confirmation.words(finalists.size()));
    }
  }
  const double in_budget = plan.predicted_seconds - plan.extra_seconds;
  plan.beyond_budget = !options.method.article() && in_budget > kTolerableOverrun * options.method.budget_seconds;
  if (plan.beyond_budget) {
    plan.notes.push_back(
        fmt::format("The budget of {} is too small for the least that is worth measuring; expect about {}. Give a "
                    "larger --budget, or fewer --backends, --compute-types or --batch-sizes.",
                    format_duration(options.method.budget_seconds), format_duration(plan.predicted_seconds)));
  }
  return plan;
}

std::string plan_words(const RunPlan& plan, const BenchSubject& subject, const std::vector<Contender>& contenders,
                       const BenchResults& results) {
  const WorkloadSummary& is = subject.workload.summary;
  std::set<std::string_view> backends;  // each runs at several compute types and numbers of threads
  for (const Cell& cell : plan.grid.cells) backends.insert(cell.configuration.backend);
  std::string words = fmt::format(
      "{} of {}, {} of {:.1f} tokens on average. One round takes about {}. The whole run takes about {}{}.\n",
      counted(std::ssize(plan.grid.cells), "configuration"), counted(std::ssize(backends), "backend"),
      counted(is.sequences, is.unit()), is.mean_tokens, format_duration(plan.round_seconds),
      format_duration(plan.predicted_seconds),
      plan.extra_seconds < kWorthSaying
          ? ""
          : fmt::format(", {} of them not counted against the budget", format_duration(plan.extra_seconds)));
  words += scored_words(results, contenders);
  words += left_out_words(contenders);
  for (const std::string& note : results.notes) words += "  " + printable(note) + "\n";
  if (!plan.outlook.empty()) words += "  " + plan.outlook + "\n";
  return words;
}

}  // namespace paceline
