#include "bench/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/hash.h"
#include "bench/budget_planner.h"
#include "bench/cell_results.h"
#include "bench/gate_run.h"
#include "bench/length_sweep.h"
#include "bench/measurement.h"
#include "bench/plan_maker.h"
#include "bench/round_store.h"
#include "bench/turn_runner.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "results/lookup.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// A prediction this far beyond the budget is worth a warning.
constexpr double kTolerableOverrun = 1.05;
/// Shorter waits need no words.
constexpr double kWorthSaying = 1;
/// The gate gets this share of the budget, and more only where the least that it needs takes longer.
constexpr double kGateShare = 0.25;
/// The length sweep gets this share of the budget, and in the article's protocol whatever it takes.
constexpr double kSweepShare = 0.07;
/// Text to labels: at most this long, and this share of the budget.
constexpr double kEndToEndSeconds = 10;
constexpr double kEndToEndShare = 0.05;
/// Texts that classify sorts together; the plan stores it.

Constraints constraints_of(const BenchOptions& options) {
  return {.objective = options.objective,
          .max_latency_ms = options.max_latency_ms,
          .max_memory_bytes = options.max_memory_bytes,
          .min_agreement = options.min_agreement,
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
    if (article() && !options_.dry_run) check_round_store(options_.rounds_dir, options_.resume);
    results_.constraints = constraints_of(options_);
    results_.protocol = article() ? "article" : "budget";
    Selection selection =
        select_contenders(options_, {.usable_cpus = subject_.usable_cpus, .cpu_flags = results_.machine.cpu_flags});
    contenders_ = std::move(selection.contenders);
    results_.notes.insert(results_.notes.end(), selection.notes.begin(), selection.notes.end());
    announce_extras();
    for (Contender& contender : contenders_) {
      check_interruption();
      show(fmt::format("loading {}", contender.name()));
      contender.restarts_left = article() ? kMostRestarts : 0;
      start_contender(contender, subject_, environment_);
      do {
        probe_contender(contender, subject_);
      } while (!contender.running() && revive_contender(contender, subject_, environment_));
      note_first_load(contender);
    }
  }

  /// In so many seconds where that is possible.
  void pass_gate(double seconds, bool check_anew = false) {
    const GateRun gate =
        run_gate(contenders_, subject_,
                 {.min_agreement = options_.min_agreement, .seconds = seconds, .check_anew = check_anew}, environment_);
    extra_seconds_ += gate.reference_seconds;
    results_.unchecked_for_room = gate.no_room;
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
    open_store(grid);
    TurnRunner turns(subject_, environment_, options_.stop, store_ ? &*store_ : nullptr);
    Measurement measurement(std::move(grid), contenders_,
                            {.subject = subject_,
                             .environment = environment_,
                             .turns = turns,
                             .seed = options_.seed,
                             .progress = options_.progress,
                             .started = started_,
                             .expected = results_.predicted_seconds,
                             .confirmation = confirmation_seconds_,
                             .after = sweep_seconds(sweep_) + end_to_end_seconds(),
                             .whole_sample = article()});
    try {
      run_rounds(measurement, turns, baseline);
    } catch (const Interrupted&) {
      results_.interrupted = true;
    }
    for (const std::vector<std::string>& notes : {measurement.notes(), turns.notes()}) {
      results_.notes.insert(results_.notes.end(), notes.begin(), notes.end());
    }
    collect(measurement, baseline);
    results_.unfinished = article() && (results_.interrupted || any_contender_lost());
    results_.recommendation = recommend(results_);
  }

  /// In a worker of its own, with the others gone.
  void measure_end_to_end() {
    const Recommendation& recommendation = results_.recommendation;
    if (!recommendation.valid || results_.interrupted) return;
    contenders_.clear();
    const EndToEndRequest request{.model_dir = subject_.model_dir,
                                  .run = chosen_run(results_, subject_.cache_dir),
                                  .labels = options_.labels,
                                  .format = subject_.workload.format,
                                  .expected_seconds = end_to_end_seconds()};
    const std::vector<Text> texts = end_to_end_texts(request.expected_seconds);
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
  bool article() const { return options_.protocol == Protocol::kArticle; }

  void check_interruption() const {
    if (options_.stop.stop_requested()) throw Interrupted{};
  }

  void show(const std::string& what) const {
    if (options_.progress == nullptr) return;
    const double known = article() ? 0 : options_.budget_seconds;
    const double total = results_.predicted_seconds > 0 ? results_.predicted_seconds : known;
    options_.progress->update(environment_.now() - started_, total, what);
  }

  /// What comes once per checkpoint is said before it begins.
  void announce_extras() const {
    const double seconds = expected_reference_seconds(subject_);
    if (seconds < kWorthSaying || !options_.on_extra) return;
    options_.on_extra(fmt::format(
        "The first run with this checkpoint: native fp32 is checked by the scalar reference, which takes up "
        "to {:.0f} s, and engines that need an exported file get one. Both are kept in the cache and do not "
        "count towards the budget.",
        seconds));
  }

  void note_first_load(const Contender& contender) {
    extra_seconds_ += contender.first_load_seconds;
    if (contender.first_load_seconds < kWorthSaying) return;
    results_.notes.push_back(
        fmt::format("Loading {} took {} more the first time (an export for the cache, or a cold disk), which "
                    "does not count towards the budget.",
                    contender.name(), format_duration(contender.first_load_seconds)));
  }

  double end_to_end_seconds() const {
    return article() ? kEndToEndSeconds : std::min(kEndToEndSeconds, kEndToEndShare * options_.budget_seconds);
  }

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
                          .threads = contender.result.threads,
                          .instances = contender.result.instances});
    }
    Grid grid = make_grid(backends, subject_.workload.lengths,
                          {.batch_sizes = options_.batch_sizes,
                           .max_batch_tokens = options_.max_batch_tokens,
                           .orders = options_.orders});
    if (article()) {
      set_texts_per_turn(grid, std::numeric_limits<int32_t>::max());
      left_ = std::numeric_limits<double>::infinity();
      sweep_ = plan_sweep(contenders_, subject_, left_);
      return grid;
    }
    sweep_ = plan_sweep(contenders_, subject_, kSweepShare * options_.budget_seconds);
    left_ = options_.budget_seconds + extra_seconds_ - (environment_.now() - started_) - end_to_end_reserve() -
            sweep_seconds(sweep_);
    const std::vector<std::string> notes = fit_budget(grid, costs(), subject_.work, left_);
    results_.notes.insert(results_.notes.end(), notes.begin(), notes.end());
    return grid;
  }

  std::vector<CostModel> costs() const {
    std::vector<CostModel> costs;
    for (const Contender& contender : contenders_) costs.push_back(contender.cost);
    return costs;
  }

  /// The rounds saved by an earlier run, or a place to save them.
  void open_store(const Grid& grid) {
    if (!article()) return;
    const RunIdentity identity = identity_of(grid);
    store_.emplace(options_.resume ? RoundStore::resume(options_.rounds_dir, identity)
                                   : RoundStore::create(options_.rounds_dir, identity));
    results_.continued = store_->continued();
    results_.seconds = store_->seconds_before();
  }

  /// What the figures depend on: another machine, text or engine makes it another run.
  RunIdentity identity_of(const Grid& grid) const {
    Hasher texts;
    for (const Encoding& encoding : subject_.workload.encodings) {
      const std::span<const int32_t> ids(encoding.input_ids);
      texts.update(std::as_bytes(ids));
      texts.update("\n");
    }
    RunIdentity identity{{"paceline", std::string(build_id())},
                         {"checkpoint", subject_.checkpoint_hash},
                         {"sample of texts", texts.hex()},
                         {"seed", fmt::format("{}", options_.seed)},
                         {"cpu", fmt::format("{}, {} of them", results_.machine.cpu, subject_.usable_cpus)}};
    for (const Contender& contender : contenders_) {
      const BackendResult& is = contender.result;
      identity.emplace_back(fmt::format("{} with {} threads", contender.name(), is.threads),
                            is.version.empty() ? "missing" : fmt::format("{}, {}", is.version, is.settings));
    }
    std::string plans;
    for (const GridPlan& plan : grid.plans) {
      plans += fmt::format("{}/{}/{} ", plan.batch_size, plan.max_batch_tokens, order_name(plan.order));
    }
    identity.emplace_back("batch sizes and orders", plans);
    return identity;
  }

  bool any_contender_lost() const {
    return std::ranges::any_of(contenders_,
                               [](const Contender& one) { return !one.running() && !one.result.version.empty(); });
  }

  /// Explores or measures all, confirms, sweeps the lengths.
  void run_rounds(Measurement& measurement, TurnRunner& turns, std::size_t baseline) {
    if (article()) {
      measurement.measure_all(kArticleRounds);
    } else {
      measurement.explore(baseline, explore_until_);
    }
    collect(measurement, baseline);
    measurement.confirm(choose_finalists(results_, baseline), confirm_until_);
    show("lengths");
    measure_lengths(sweep_, contenders_,
                    {.subject = subject_,
                     .turns = turns,
                     .seed = options_.seed,
                     .roof_gflops =
                         [this](const Contender& contender) {
                           return roof_gflops(results_.roof, contender.result.compute_type, contender.result.device);
                         }},
                    results_.length_sweep);
  }

  /// When what is to end, and how long all of it takes.
  void plan_time(const Grid& grid, std::size_t baseline) {
    const double now = environment_.now();
    explore_until_ = now + kExplorationShare * left_;
    confirm_until_ = now + left_;
    round_seconds_ = round_seconds(grid, costs(), subject_.work);
    results_.predicted_seconds =
        now - started_ + exploration_seconds(grid) + sweep_seconds(sweep_) + end_to_end_reserve();
    const std::vector<Finalist> finalists = predicted_finalists(grid, costs(), subject_.work, baseline);
    if (!finalists.empty()) {
      const ConfirmationPlan confirmation = plan_confirmation(grid, finalists, left_ - exploration_seconds(grid));
      confirmation_seconds_ = confirmation.seconds;
      results_.predicted_seconds += confirmation.seconds;
      if (!confirmation.whole(finalists.size())) {
        outlook_ = fmt::format("The confirmation will have about {}.", confirmation.words(finalists.size()));
      }
    }
    if (article() || results_.predicted_seconds - extra_seconds_ <= kTolerableOverrun * options_.budget_seconds) return;
    results_.notes.push_back(
        fmt::format("The budget of {} is too small for the least that is worth measuring; expect about {}.",
                    format_duration(options_.budget_seconds), format_duration(results_.predicted_seconds)));
  }

  double exploration_seconds(const Grid& grid) const {
    const double warm_up = warm_up_seconds(grid, costs(), subject_.work);
    if (article()) return warm_up + kArticleRounds * round_seconds_;
    const double most = warm_up + kMostRounds * round_seconds_;
    return std::max(least_exploration_seconds(grid, costs(), subject_.work), std::min(kExplorationShare * left_, most));
  }

  std::string plan_words(const Grid& grid) const {
    const WorkloadSummary& is = subject_.workload.summary;
    std::string words = fmt::format(
        "{} configurations of {} backends, {} {}s of {:.1f} tokens on average; one round of all takes about {}, "
        "the whole run about {}{}.\n",
        grid.cells.size(), contenders_.size(), is.sequences, is.unit(), is.mean_tokens, format_duration(round_seconds_),
        format_duration(results_.predicted_seconds),
        extra_seconds_ < kWorthSaying ? ""
                                      : fmt::format(", {} of them beside the budget", format_duration(extra_seconds_)));
    words += left_out_words(contenders_);
    for (const std::string& note : results_.notes) words += "  " + note + "\n";
    if (!outlook_.empty()) words += "  " + outlook_ + "\n";
    return words;
  }

  void collect(const Measurement& measurement, std::size_t baseline) {
    collect_backends();
    const Workload& workload = subject_.workload;
    double flops = 0;
    for (uint32_t i = 0; i < workload.lengths.size(); ++i) flops += subject_.work.text_flops(i);
    const double tokens = workload.summary.mean_tokens * static_cast<double>(workload.summary.sequences);
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
  std::vector<SweepPoint> sweep_;
  std::optional<RoundStore> store_;
  double explore_until_ = 0;
  double confirm_until_ = 0;
  double round_seconds_ = 0;
  double confirmation_seconds_ = 0;
  std::string outlook_;  ///< what the confirmation will probably be cut to; empty where it is not
};

}  // namespace

void run_measurement(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                     BenchResults& results) {
  BenchRun run(options, subject, environment, results);
  try {
    run.prepare();
    run.pass_gate(options.protocol == Protocol::kArticle ? std::numeric_limits<double>::infinity()
                                                         : kGateShare * options.budget_seconds);
    run.measure();
    run.measure_end_to_end();
  } catch (const Interrupted&) {
    results.interrupted = true;
    results.unfinished = options.protocol == Protocol::kArticle;
    results.recommendation = recommend(results);
  }
  run.finish();
}

void run_gate_alone(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                    BenchResults& results) {
  BenchRun run(options, subject, environment, results);
  try {
    run.prepare();
    // Who names texts wants to know of those.
    run.pass_gate(std::numeric_limits<double>::infinity(), !options.text_file.empty());
  } catch (const Interrupted&) {
    results.interrupted = true;
  }
  run.finish();
}

}  // namespace paceline
