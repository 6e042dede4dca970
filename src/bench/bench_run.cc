#include "bench/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/hash.h"
#include "bench/cell_results.h"
#include "bench/gate_run.h"
#include "bench/length_sweep.h"
#include "bench/measurement.h"
#include "bench/round_store.h"
#include "bench/run_plan.h"
#include "bench/scoring_run.h"
#include "bench/text_to_labels.h"
#include "bench/turn_runner.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// The gate gets this share of the budget, and more only where the least that it needs takes longer.
constexpr double kGateShare = 0.25;
/// Labelled texts get as much, and more only where the fewest that can tell take longer.
constexpr double kScoringShare = 0.25;

/// Which texts and what is expected of them.
std::string hash_labelled(const LabelledTexts& labelled) {
  Hasher hasher;
  for (const Encoding& encoding : labelled.sequences.encodings) {
    hasher.update(std::as_bytes(std::span<const int32_t>(encoding.input_ids)));
    hasher.update("\n");
  }
  for (const Expected& expected : labelled.expected) {
    hasher.update(std::as_bytes(std::span<const int32_t>(expected.labels)));
    hasher.update(std::as_bytes(std::span(&expected.value, 1)));
    hasher.update("\n");
  }
  return hasher.hex();
}

/// What the figures depend on: another machine, text or engine makes it another run.
RunIdentity identity_of(const BenchSubject& subject, const std::string& cpu, uint64_t seed,
                        const std::vector<Contender>& contenders, const Grid& grid) {
  Hasher texts;
  for (const Encoding& encoding : subject.workload.encodings) {
    const std::span<const int32_t> ids(encoding.input_ids);
    texts.update(std::as_bytes(ids));
    texts.update("\n");
  }
  RunIdentity identity{{"paceline", std::string(build_id())},
                       {"checkpoint", subject.checkpoint_hash},
                       {"sample of texts", texts.hex()},
                       {"seed", fmt::format("{}", seed)},
                       {"cpu", fmt::format("{}, {} of them", cpu, subject.usable_cpus)}};
  if (subject.labelled) identity.emplace_back("labelled texts", hash_labelled(*subject.labelled));
  for (const Contender& contender : contenders) {
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

/// What the gate and the labelled texts may take.
struct GateSeconds {
  double gate = std::numeric_limits<double>::infinity();
  double scoring = std::numeric_limits<double>::infinity();
};

/// Which of the two needs longer than it may, and what becomes of the budget.
std::string overrun_words(const GateOutlook& gate, const ScoringOutlook& scoring, const GateSeconds& limits,
                          const RunPlan& plan, double budget_seconds) {
  std::string words;
  if (gate.seconds > limits.gate) {
    words = fmt::format("The gate needs {} for {}, and cannot compare fewer{}. ", format_duration(gate.seconds),
                        counted(static_cast<int64_t>(gate.texts), "text"),
                        gate.all_fp32 ? "" : " in compute types other than fp32");
  }
  if (scoring.seconds > limits.scoring) {
    words +=
        fmt::format("The accuracy needs {} for {}, and fewer would tell too little. ", format_duration(scoring.seconds),
                    counted(static_cast<int64_t>(scoring.texts), "labelled text"));
  }
  return words + fmt::format(
                     "The whole run takes at least {}, more than the --budget of {}. Give a larger one, or fewer "
                     "--backends{}.",
                     format_duration(plan.predicted_seconds), format_duration(budget_seconds),
                     gate.all_fp32 ? "" : " or --compute-types");
}

/// That not all labelled texts were scored, of which `kept` could have been; empty where all were, or none.
std::string scored_note(const LabelledSummary& is, std::size_t kept) {
  if (is.texts == 0 || is.texts == is.texts_available) return "";
  return fmt::format("The accuracy is of {} of the {}, chosen at random{}.", format_count(is.texts),
                     counted(is.texts_available, "labelled text"),
                     is.texts < static_cast<int64_t>(kept) ? " to keep the budget" : "");
}

class BenchRun {
 public:
  BenchRun(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
           BenchResults& results)
      : options_(options), subject_(subject), environment_(environment), results_(results) {
    environment_.show = [this](const std::string& what) { show(what); };
  }

  /// How long all of it may take, for the progress bar.
  void keep_to(double budget_seconds) { budget_seconds_ = budget_seconds; }

  void prepare() {
    started_ = environment_.now();
    if (environment_.began) before_ = started_ - *environment_.began;
    if (options_.method.article() && !options_.method.dry_run) read_saved_rounds();
    results_.constraints = options_.constraints;
    if (subject_.labelled) {
      results_.labelled = subject_.labelled->summary;
      std::optional<double>& loss = results_.constraints.max_accuracy_loss;
      loss = loss.value_or(kDefaultMaxAccuracyLoss);
    }
    results_.protocol = options_.method.article() ? "article" : "budget";
    Selection selection = select_contenders(
        options_.choice, {.usable_cpus = subject_.usable_cpus, .cpu_flags = results_.machine.cpu_flags});
    contenders_ = std::move(selection.contenders);
    results_.notes.insert(results_.notes.end(), selection.notes.begin(), selection.notes.end());
    announce_extras();
    for (Contender& contender : contenders_) {
      check_interruption();
      show(fmt::format("loading {}", contender.name()));
      contender.restarts_left = options_.method.article() ? kMostRestarts : 0;
      start_contender(contender, subject_, environment_);
      do {
        probe_contender(contender, subject_);
      } while (!contender.running() && revive_contender(contender, subject_, environment_));
      note_first_load(contender);
    }
  }

  /// How many labelled texts fit. Says, before the gate begins, where it or the fewest of them do not.
  std::size_t plan_scoring(const GateSeconds& seconds) const {
    const GateOutlook gate = expected_gate(contenders_, subject_, seconds.gate);
    const ScoringOutlook scoring = expected_scoring(contenders_, subject_, seconds.scoring);
    const bool fits = gate.seconds <= seconds.gate && scoring.seconds <= seconds.scoring;
    if (!fits && options_.listener.on_extra) announce_overrun(gate, scoring, seconds);
    return scoring.texts;
  }

  /// In so many seconds where that is possible.
  void pass_gate(double seconds, std::size_t labelled_texts, bool check_anew = false) {
    const Constraints& limits = results_.constraints;
    const GateRun gate =
        run_gate(contenders_, subject_,
                 {.min_agreement = limits.min_agreement,
                  .seconds = seconds,
                  .check_anew = check_anew,
                  .scoring = {.max_accuracy_loss = limits.max_accuracy_loss.value_or(kDefaultMaxAccuracyLoss),
                              .seed = options_.texts.seed,
                              .texts = labelled_texts}},
                 environment_);
    extra_seconds_ += gate.reference_seconds;
    results_.unchecked_for_room = gate.no_room;
    results_.notes.insert(results_.notes.end(), gate.notes.begin(), gate.notes.end());
    if (!results_.labelled) return;
    results_.labelled->texts = static_cast<int64_t>(gate.scoring.texts);
    results_.labelled->oracle = gate.scoring.oracle;
    const std::string note = scored_note(*results_.labelled, subject_.labelled->size());
    if (!note.empty()) results_.notes.push_back(note);
  }

  void measure() {
    RunPlan plan = plan_run(options_, subject_, contenders_, spent(environment_.now()));
    results_.notes.insert(results_.notes.end(), plan.notes.begin(), plan.notes.end());
    results_.predicted_seconds = plan.predicted_seconds;
    results_.baseline = plan.grid.cells[plan.baseline].configuration;
    results_.cells = predicted_cells(plan.grid, contenders_, subject_);
    if (options_.listener.on_plan) options_.listener.on_plan(plan_words(plan, subject_, contenders_, results_));
    if (options_.method.dry_run) return;
    open_store(plan.grid);
    TurnRunner turns(subject_, environment_, options_.stop, store_ ? &*store_ : nullptr);
    Measurement measurement(std::move(plan.grid), contenders_,
                            {.subject = subject_,
                             .environment = environment_,
                             .turns = turns,
                             .seed = options_.texts.seed,
                             .progress = options_.listener.progress,
                             .started = started_ - before_,
                             .expected = results_.predicted_seconds,
                             .confirmation = plan.confirmation_seconds,
                             .after = sweep_seconds(plan.sweep) + end_to_end_seconds(options_.method),
                             .whole_sample = options_.method.article()});
    try {
      run_rounds(measurement, turns, plan);
    } catch (const Interrupted&) {
      results_.interrupted = true;
    }
    for (const std::vector<std::string>& notes : {measurement.notes(), turns.notes()}) {
      results_.notes.insert(results_.notes.end(), notes.begin(), notes.end());
    }
    collect(measurement, plan.baseline);
    results_.unfinished = options_.method.article() && (results_.interrupted || any_contender_lost());
    results_.recommendation = recommend(results_);
  }

  /// In a worker of its own, with the others gone.
  void measure_end_to_end() {
    if (!results_.recommendation.valid || results_.interrupted) return;
    contenders_.clear();
    measure_text_to_labels(options_, subject_, environment_, results_);
  }

  /// Also after an interruption: what is there is kept.
  void finish() {
    collect_backends();
    if (options_.listener.progress != nullptr) options_.listener.progress->finish();
  }

 private:
  void check_interruption() const {
    if (options_.stop.stop_requested()) throw Interrupted{};
  }

  void show(const std::string& what) const {
    if (options_.listener.progress == nullptr) return;
    const double expected = results_.predicted_seconds > 0 ? results_.predicted_seconds : budget_seconds_;
    options_.listener.progress->update(environment_.now() - started_ + before_, expected, what);
  }

  SpentTime spent(double now) const {
    return {.now = now, .started = started_, .extra_seconds = extra_seconds_, .before_seconds = before_};
  }

  void announce_overrun(const GateOutlook& gate, const ScoringOutlook& scoring, const GateSeconds& seconds) const {
    const RunPlan plan =
        plan_run(options_, subject_, contenders_, spent(environment_.now() + gate.seconds + scoring.seconds));
    if (plan.beyond_budget) announce(overrun_words(gate, scoring, seconds, plan, options_.method.budget_seconds));
  }

  void announce(const std::string& words) const {
    if (options_.listener.progress != nullptr) options_.listener.progress->finish();
    options_.listener.on_extra(words);
  }

  /// What comes once per checkpoint is said before it begins.
  void announce_extras() const {
    const double seconds = expected_reference_seconds(subject_);
    if (seconds < kWorthSaying || !options_.listener.on_extra) return;
    announce(fmt::format(
        "First run with this checkpoint. The scalar reference checks native fp32 (up to {:.0f} s), and backends "
        "that need an exported file get one. These steps do not count against the budget. Their results are "
        "cached.",
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

  /// Before anything is loaded: rounds that cannot be read, or that nobody asked for, end the run.
  void read_saved_rounds() {
    if (options_.method.resume) {
      store_.emplace(RoundStore::open_saved(options_.method.rounds_dir));
    } else {
      check_no_saved_rounds(options_.method.rounds_dir);
    }
  }

  /// The rounds saved by an earlier run, or a place to save them.
  void open_store(const Grid& grid) {
    if (!options_.method.article()) return;
    const RunIdentity identity = identity_of(subject_, results_.machine.cpu, options_.texts.seed, contenders_, grid);
    if (store_) {
      store_->resume(identity);
    } else {
      store_.emplace(RoundStore::create(options_.method.rounds_dir, identity));
    }
    results_.continued = store_->continued();
    results_.seconds = store_->seconds_before();
  }

  bool any_contender_lost() const {
    return std::ranges::any_of(contenders_,
                               [](const Contender& one) { return !one.running() && !one.result.version.empty(); });
  }

  /// Explores or measures all, confirms, sweeps the lengths.
  void run_rounds(Measurement& measurement, TurnRunner& turns, const RunPlan& plan) {
    if (options_.method.article()) {
      measurement.measure_all(kArticleRounds);
    } else {
      measurement.explore(plan.baseline, plan.explore_until);
    }
    collect(measurement, plan.baseline);
    measurement.confirm(choose_finalists(results_, plan.baseline), plan.confirm_until);
    show("measuring lengths");
    measure_lengths(plan.sweep, contenders_,
                    {.subject = subject_,
                     .turns = turns,
                     .seed = options_.texts.seed,
                     .roof_gflops =
                         [this](const Contender& contender) {
                           return roof_gflops(results_.roof, contender.result.compute_type, contender.result.device);
                         }},
                    results_.length_sweep);
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
      const bool named = std::count(options_.choice.compute_types.begin(), options_.choice.compute_types.end(),
                                    result.compute_type) > 0;
      if (named && result.gate.ran && !result.gate.accepted) results_.named_type_rejected = true;
    }
  }

  const BenchOptions& options_;
  const BenchSubject& subject_;
  BenchEnvironment environment_;
  BenchResults& results_;
  std::vector<Contender> contenders_;
  double started_ = 0;
  double before_ = 0;          ///< seconds of the command before that; beside the budget
  double budget_seconds_ = 0;  ///< 0: none
  double extra_seconds_ = 0;   ///< beside the budget: what is done once per checkpoint
  std::optional<RoundStore> store_;
};

}  // namespace

void run_measurement(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                     BenchResults& results) {
  BenchRun run(options, subject, environment, results);
  if (!options.method.article()) run.keep_to(options.method.budget_seconds);
  try {
    run.prepare();
    GateSeconds seconds;
    if (!options.method.article()) {
      seconds = {.gate = kGateShare * options.method.budget_seconds,
                 .scoring = kScoringShare * options.method.budget_seconds};
    }
    run.pass_gate(seconds.gate, run.plan_scoring(seconds));
    run.measure();
    run.measure_end_to_end();
  } catch (const Interrupted&) {
    results.interrupted = true;
    results.unfinished = options.method.article();
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
    run.pass_gate(GateSeconds{}.gate, 0, !options.texts.file.empty());
  } catch (const Interrupted&) {
    results.interrupted = true;
  }
  run.finish();
}

}  // namespace paceline
