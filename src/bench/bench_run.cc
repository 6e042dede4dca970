#include "bench/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "bench/budget_planner.h"
#include "bench/cell_results.h"
#include "bench/gate_run.h"
#include "bench/measurement.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// A prediction this far beyond the budget is worth a warning.
constexpr double kTolerableOverrun = 1.05;
/// Shorter waits need no words.
constexpr double kWorthSaying = 1;
/// The gate gets this share of the budget, and more only where the least that it needs takes longer.
constexpr double kGateShare = 0.25;
/// Text to labels: at most this long, and this share of the budget.
constexpr double kEndToEndSeconds = 10;
constexpr double kEndToEndShare = 0.05;
/// Texts that classify sorts together; the plan stores it.
constexpr int32_t kPlanWindow = 10000;

Constraints constraints_of(const BenchOptions& options) {
  return {.objective = options.objective,
          .max_latency_ms = options.max_latency_ms,
          .max_memory_bytes = options.max_memory_bytes,
          .price_per_hour = options.price_per_hour};
}

class BenchRun {
 public:
  BenchRun(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
           BenchResults& results)
      : options_(options), subject_(subject), environment_(environment), results_(results) {
    environment_.show = [this](const std::string& what) { show(what); };
  }

  void prepare() {
    started_ = environment_.now();
    contenders_ = select_contenders(options_);
    announce_extras();
    for (Contender& contender : contenders_) {
      check_interruption();
      show(fmt::format("loading {}", contender.name()));
      start_contender(contender, subject_, environment_);
      probe_contender(contender, subject_);
      note_first_load(contender);
    }
  }

  /// In so many seconds where that is possible.
  void pass_gate(double seconds) {
    const GateRun gate =
        run_gate(contenders_, subject_, {.min_agreement = options_.min_agreement, .seconds = seconds}, environment_);
    extra_seconds_ += gate.reference_seconds;
    results_.notes.insert(results_.notes.end(), gate.notes.begin(), gate.notes.end());
  }

  void measure() {
    Grid grid = plan_cells();
    const std::size_t baseline = choose_baseline(grid.cells, contenders_);
    plan_time(grid, baseline);
    results_.baseline = grid.cells[baseline].configuration;
    results_.cells = predicted_cells(grid, contenders_, subject_);
    if (options_.on_plan) options_.on_plan(plan_words(grid));
    if (options_.dry_run) return;
    Measurement measurement(std::move(grid), contenders_,
                            {.subject = subject_,
                             .environment = environment_,
                             .seed = options_.seed,
                             .interrupted = options_.interrupted,
                             .progress = options_.progress,
                             .started = started_,
                             .expected = results_.predicted_seconds});
    try {
      measurement.explore(baseline, explore_until_);
      collect(measurement, baseline);
      measurement.confirm(choose_finalists(results_, baseline, constraints_of(options_)), confirm_until_);
    } catch (const Interrupted&) {
      results_.interrupted = true;
    }
    const std::vector<std::string>& notes = measurement.notes();
    results_.notes.insert(results_.notes.end(), notes.begin(), notes.end());
    collect(measurement, baseline);
    results_.recommendation = recommend(results_, constraints_of(options_));
  }

  /// In a worker of its own, with the others gone.
  void measure_end_to_end() {
    const Recommendation& recommendation = results_.recommendation;
    if (!recommendation.valid || results_.interrupted) return;
    contenders_.clear();
    const Configuration& choice = recommendation.choice;
    EndToEndRequest request{.model_dir = subject_.model_dir, .run = {}, .seconds = end_to_end_seconds()};
    request.run.backend = {.name = choice.backend,
                           .compute_type = choice.compute_type,
                           .device = choice.device,
                           .threads = choice.threads,
                           .cache_dir = subject_.cache_dir};
    request.run.limits = {.batch_size = choice.batch_size,
                          .max_batch_tokens = choice.max_batch_tokens,
                          .order = choice.order,
                          .window = kPlanWindow};
    const std::vector<Text> texts = end_to_end_texts(request.seconds);
    if (texts.empty()) return;
    show("text to labels");
    try {
      results_.end_to_end.ms_per_text = environment_.start_worker("end to end")->end_to_end(request, texts);
      results_.end_to_end.texts = static_cast<int64_t>(texts.size());
    } catch (const Error& error) {
      results_.notes.push_back(fmt::format("Text to labels was not measured. {}", error.what()));
    }
  }

  /// Also after an interruption: what is there is kept.
  void finish() {
    collect_backends();
    if (options_.progress != nullptr) options_.progress->finish();
  }

 private:
  void check_interruption() const {
    if (options_.interrupted != nullptr && options_.interrupted->load()) throw Interrupted{};
  }

  void show(const std::string& what) const {
    if (options_.progress == nullptr) return;
    options_.progress->update(environment_.now() - started_, options_.budget_seconds, what);
  }

  /// What comes once per checkpoint is said before it begins.
  void announce_extras() const {
    const double seconds = expected_reference_seconds(subject_);
    if (seconds < kWorthSaying || !options_.on_extra) return;
    options_.on_extra(
        fmt::format("The first run with this checkpoint: {} is checked by the scalar reference, which takes up to "
                    "{:.0f} s, and engines that need an exported file get one. Both are kept in the cache and do not "
                    "count towards the budget.",
                    kOracleName, seconds));
  }

  void note_first_load(const Contender& contender) {
    extra_seconds_ += contender.first_load_seconds;
    if (contender.first_load_seconds < kWorthSaying) return;
    results_.notes.push_back(
        fmt::format("Loading {} took {:.0f} s more the first time (an export for the cache, or a cold disk), which "
                    "does not count towards the budget.",
                    contender.name(), contender.first_load_seconds));
  }

  double end_to_end_seconds() const { return std::min(kEndToEndSeconds, kEndToEndShare * options_.budget_seconds); }

  /// With loading once more.
  double end_to_end_reserve() const {
    double load_ms = 0;
    for (const Contender& contender : contenders_) load_ms = std::max(load_ms, contender.result.load_ms);
    return end_to_end_seconds() + load_ms / 1e3;
  }

  /// Evenly spaced texts, as many as the time allows at the measured speed.
  std::vector<Text> end_to_end_texts(double seconds) const {
    const std::vector<Text>& all = subject_.workload.texts;
    double speed = 0;
    for (const CellResult& cell : results_.cells) {
      if (cell.configuration == results_.recommendation.choice) speed = cell.texts_per_second;
    }
    const std::size_t wanted = std::max<std::size_t>(1, static_cast<std::size_t>(seconds * speed));
    const std::size_t count = std::min(all.size(), wanted);
    std::vector<Text> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(all[i * all.size() / count]);
    return texts;
  }

  Grid plan_cells() {
    std::vector<GridBackend> backends;
    for (const Contender& contender : contenders_) {
      backends.push_back({.backend = contender.result.backend,
                          .compute_type = contender.result.compute_type,
                          .device = contender.result.device,
                          .padded = contender.result.padded,
                          .threads = contender.running() ? contender.result.threads : subject_.threads});
    }
    Grid grid = make_grid(backends, subject_.workload.lengths,
                          {.batch_sizes = options_.batch_sizes,
                           .max_batch_tokens = options_.max_batch_tokens,
                           .orders = options_.orders});
    left_ = options_.budget_seconds + extra_seconds_ - (environment_.now() - started_) - end_to_end_reserve();
    const std::vector<std::string> notes = fit_budget(grid, costs(), subject_.work, left_);
    results_.notes.insert(results_.notes.end(), notes.begin(), notes.end());
    return grid;
  }

  std::vector<CostModel> costs() const {
    std::vector<CostModel> costs;
    for (const Contender& contender : contenders_) costs.push_back(contender.cost);
    return costs;
  }

  /// When what is to end, and how long all of it takes.
  void plan_time(const Grid& grid, std::size_t baseline) {
    const double now = environment_.now();
    explore_until_ = now + kExplorationShare * left_;
    confirm_until_ = now + left_;
    round_seconds_ = round_seconds(grid, costs(), subject_.work);
    const double most = warm_up_seconds(grid, costs(), subject_.work) + kMostRounds * round_seconds_;
    const double exploration =
        std::max(least_exploration_seconds(grid, costs(), subject_.work), std::min(kExplorationShare * left_, most));
    results_.predicted_seconds = now - started_ + exploration + end_to_end_reserve();
    const std::vector<Finalist> finalists = predicted_finalists(grid, costs(), subject_.work, baseline);
    if (!finalists.empty()) {
      const ConfirmationPlan confirmation = plan_confirmation(grid, finalists, left_ - exploration);
      results_.predicted_seconds += confirmation.seconds;
      if (!confirmation.whole(finalists.size())) {
        outlook_ = fmt::format("The confirmation will have about {}.", confirmation.words(finalists.size()));
      }
    }
    if (results_.predicted_seconds - extra_seconds_ > kTolerableOverrun * options_.budget_seconds) {
      results_.notes.push_back(
          fmt::format("The budget of {:.0f} s is too small for the least that is worth measuring; expect about {:.0f} "
                      "s.",
                      options_.budget_seconds, results_.predicted_seconds));
    }
  }

  std::string plan_words(const Grid& grid) const {
    std::string words = fmt::format(
        "{} configurations of {} backends, {} texts of {:.1f} tokens on average; one round of all takes about {:.0f} "
        "s, the whole run about {:.0f} s{}.\n",
        grid.cells.size(), contenders_.size(), subject_.workload.summary.texts, subject_.workload.summary.mean_tokens,
        round_seconds_, results_.predicted_seconds,
        extra_seconds_ < kWorthSaying ? "" : fmt::format(", {:.0f} s of them beside the budget", extra_seconds_));
    for (const Contender& contender : contenders_) {
      if (!contender.running()) words += fmt::format("  {}: left out. {}\n", contender.name(), contender.result.error);
    }
    for (const std::string& note : results_.notes) words += "  " + note + "\n";
    if (!outlook_.empty()) words += "  " + outlook_ + "\n";
    return words;
  }

  void collect(const Measurement& measurement, std::size_t baseline) {
    collect_backends();
    const Workload& workload = subject_.workload;
    double flops = 0;
    for (uint32_t i = 0; i < workload.lengths.size(); ++i) flops += subject_.work.text_flops(i);
    const double tokens = workload.summary.mean_tokens * static_cast<double>(workload.summary.texts);
    results_.cells = summarize_cells(measurement, contenders_, subject_,
                                     {.roof = results_.roof, .flops_per_token = flops / tokens}, baseline);
  }

  void collect_backends() {
    if (contenders_.empty()) return;
    results_.backends.clear();
    results_.named_type_rejected = false;
    for (Contender& contender : contenders_) {
      if (!results_.interrupted) {
        with_worker(contender,
                    [&](Worker& worker) { contender.result.peak_memory_bytes = worker.peak_memory_bytes(); });
      }
      results_.backends.push_back(contender.result);
      const BackendResult& result = contender.result;
      const bool named =
          std::count(options_.compute_types.begin(), options_.compute_types.end(), result.compute_type) > 0;
      if (named && result.gate.ran && !result.gate.accepted) results_.named_type_rejected = true;
    }
  }

  const BenchOptions& options_;
  const BenchSubject& subject_;
  BenchEnvironment environment_;
  BenchResults& results_;
  std::vector<Contender> contenders_;
  double started_ = 0;
  double extra_seconds_ = 0;  ///< beside the budget: what is done once per checkpoint
  double left_ = 0;           ///< of the budget, for exploration and confirmation
  double explore_until_ = 0;
  double confirm_until_ = 0;
  double round_seconds_ = 0;
  std::string outlook_;  ///< what the confirmation will probably be cut to; empty where it is not
};

}  // namespace

void run_measurement(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                     BenchResults& results) {
  BenchRun run(options, subject, environment, results);
  try {
    run.prepare();
    run.pass_gate(kGateShare * options.budget_seconds);
    run.measure();
    run.measure_end_to_end();
  } catch (const Interrupted&) {
    results.interrupted = true;
    results.recommendation = recommend(results, constraints_of(options));
  }
  run.finish();
}

void run_gate_alone(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                    BenchResults& results) {
  BenchRun run(options, subject, environment, results);
  try {
    run.prepare();
    run.pass_gate(std::numeric_limits<double>::infinity());
  } catch (const Interrupted&) {
    results.interrupted = true;
  }
  run.finish();
}

}  // namespace paceline
