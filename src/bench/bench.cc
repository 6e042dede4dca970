#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/cache_folder.h"
#include "base/clock.h"
#include "base/cpu_topology.h"
#include "base/paths.h"
#include "base/thread_pool.h"
#include "bench/accuracy_gate.h"
#include "bench/bench_run.h"
#include "bench/labelled_texts.h"
#include "bench/length_sweep.h"
#include "bench/process_worker.h"
#include "bench/round_store.h"
#include "bench/stage_profile.h"
#include "bench/workload.h"
#include "model_folder/model_folder.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "results/checkpoint_summary.h"
#include "words/counted.h"

namespace paceline {
namespace {

/// Others' share of the processor above which the figures carry a warning.
constexpr double kNoisyShare = 0.10;
/// Texts of verify without a text file, and their longest: every tile edge and several batches, in seconds.
constexpr int32_t kMadeUpTexts = 64;
constexpr int32_t kMadeUpTokens = 160;

void check_options(const BenchOptions& options) {
  if (!(options.method.budget_seconds > 0)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[bench] a budget of {} s, more than 0 is needed.", options.method.budget_seconds));
  }
  if (!(options.constraints.min_agreement >= 0 && options.constraints.min_agreement <= 1)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[bench] an agreement of {}, 0 to 1 is possible.", options.constraints.min_agreement));
  }
  const auto check_share = [](std::string_view what, double share, double least) {
    if (share >= least && share <= 1) return;
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[bench] {} is {}, expected {} to 1.", what, share, least));
  };
  const Constraints& limits = options.constraints;
  check_share("the least accuracy", limits.min_accuracy, 0);
  check_share("the accuracy that may be lost", limits.max_accuracy_loss.value_or(1), kLeastMaxAccuracyLoss);
  if (!options.texts.labelled.empty() && options.texts.label_column.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[bench] no name was given for the column of the labels, expected one. Name it with --label-column.");
  }
  if (options.texts.labelled.empty() && (limits.min_accuracy > 0 || limits.max_accuracy_loss)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "[bench] --min-accuracy and --max-accuracy-loss need texts whose labels are known. Give them by --data.");
  }
  if (in_windows(options.texts.long_texts) &&
      (options.constraints.objective == Objective::kLatency || options.constraints.max_latency_ms > 0)) {
    throw Error(ErrorCode::kInvalidArgument,
                "[bench] --long window makes several sequences of a text, and --objective latency and --max-latency-ms "
                "look at one sequence at a time. Leave one of them out.");
  }
}

WorkTable make_work_table(const Checkpoint& checkpoint, const Workload& workload,
                          const std::optional<LabelledTexts>& labelled) {
  int32_t longest = std::max(workload.summary.max_tokens, std::min(checkpoint.max_length(), kSweepTokens.back()));
  if (labelled && !labelled->lengths.empty()) longest = std::max(longest, std::ranges::max(labelled->lengths));
  std::vector<double> flops(static_cast<std::size_t>(longest) + 1, 0);
  for (std::size_t n = 1; n < flops.size(); ++n)
    flops[n] = forward_flops(checkpoint.network(), static_cast<int32_t>(n));
  return {std::move(flops), workload.lengths};
}

Tokenizer load_tokenizer(const BenchOptions& options, const Checkpoint& checkpoint) {
  return Tokenizer::load(checkpoint.parts().tokenizer,
                         tokenizer_options(checkpoint, {.long_texts = options.texts.long_texts, .counts_cut = true}));
}

/// Without a file of its own the labelled texts are measured.
std::filesystem::path measured_file(const BenchTexts& texts) {
  return texts.file.empty() ? texts.labelled : texts.file;
}

void notice_all(const BenchOptions& options, const std::vector<std::string>& notes) {
  if (!options.listener.on_notice) return;
  for (const std::string& note : notes) options.listener.on_notice(note);
}

Workload read_workload(const BenchOptions& options, const Checkpoint& checkpoint, const Tokenizer& tokenizer,
                       int32_t threads) {
  const std::filesystem::path file = measured_file(options.texts);
  RowReaderOptions rows = options.texts.rows;
  rows.stop = options.stop;
  TextSet texts = read_all_texts(file, rows);
  if (!tokenizer.adds_special_tokens()) skip_empty_texts(texts);
  notice_all(options, texts.notes);
  return make_workload(std::move(texts), tokenizer,
                       {.source = file.filename().string(),
                        .texts = options.texts.sample,
                        .seed = options.texts.seed,
                        .threads = threads,
                        .long_texts = options.texts.long_texts,
                        .max_length = checkpoint.max_length()});
}

/// What a file is read for twice has to be one.
void check_read_again(const BenchTexts& texts) {
  std::error_code ignored;
  if (!texts.file.empty() || std::filesystem::is_regular_file(texts.labelled, ignored)) return;
  if (texts.labelled != "-" && !std::filesystem::exists(texts.labelled, ignored)) return;  // the reader says so
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[bench] {} cannot be read twice, for its texts and for their labels. Save it in a file, or "
                          "give the texts to measure by --text.",
                          texts.labelled == "-" ? "standard input" : texts.labelled.string()));
}

LabelledTexts read_labelled(const BenchOptions& options, const Checkpoint& checkpoint, const Tokenizer& tokenizer,
                            int32_t threads) {
  LabelledSource source{.file = options.texts.labelled,
                        .rows = options.texts.rows,
                        .seed = options.texts.seed,
                        .refuse_empty = !tokenizer.adds_special_tokens()};
  source.rows.label_column = options.texts.label_column;
  source.rows.stop = options.stop;
  LabelledRows rows = read_labelled_rows(source, checkpoint);
  notice_all(options, rows.notes);
  ThreadPool pool(threads);
  EncodedTexts encoded = tokenizer.encode_all(rows.texts, pool);
  return make_labelled_texts(std::move(rows), std::move(encoded), checkpoint.max_length(),
                             {.rules = {.problem_type = checkpoint.problem_type(),
                                        .long_texts = options.texts.long_texts.value_or(LongTextOptions{})},
                              .options = scored_answers(options.labels, checkpoint, "bench"),
                              .labels = checkpoint.labels().size()});
}

/// Everything that is read from files of texts.
void read_texts(const BenchOptions& options, const Checkpoint& checkpoint, BenchSubject& subject) {
  const bool labelled = !options.texts.labelled.empty();
  if (!checkpoint.has_head() && (labelled || in_windows(options.texts.long_texts))) {
    throw Error(ErrorCode::kInvalidArgument,
                labelled ? "[bench] the model has no labels, and --data says what they should be. Give --text."
                         : "[bench] the model has no labels, and --long window combines what windows get. Leave it "
                           "out.");
  }
  if (measured_file(options.texts).empty()) {
    subject.workload = make_synthetic_workload(kMadeUpTexts, checkpoint.network().vocab_size,
                                               std::min(kMadeUpTokens, checkpoint.max_length()),
                                               reads_token_types(checkpoint.network()));
    return;
  }
  if (labelled) check_read_again(options.texts);
  const Tokenizer tokenizer = load_tokenizer(options, checkpoint);
  subject.workload = read_workload(options, checkpoint, tokenizer, subject.threads);
  subject.length_texts = make_length_texts(subject.workload, checkpoint.max_length());
  // Afterwards: the time of tokenizing is that of a tokenizer that has seen no text.
  if (labelled) subject.labelled = read_labelled(options, checkpoint, tokenizer, subject.threads);
}

/// The most threads that some configuration computes with.
int32_t computing_threads(const BenchChoice& choice, int32_t usable_cpus) {
  int32_t most = 1;
  for (const int32_t threads : choice.threads) {
    for (const int32_t instances : choice.instances) {
      const int32_t all = threads > 0 ? resolve_threads(threads) * instances : usable_cpus;
      most = std::max(most, std::min(all, std::max(usable_cpus, threads)));
    }
  }
  return most;
}

BenchSubject make_subject(const BenchOptions& options, const Checkpoint& checkpoint) {
  BenchSubject subject;
  subject.model_dir = absolute_path(checkpoint.model_dir());
  subject.checkpoint_options = checkpoint.options();
  subject.cache_dir = options.cache_dir.empty() ? default_cache_dir() : options.cache_dir;
  subject.usable_cpus = resolve_threads(0);
  subject.threads = computing_threads(options.choice, subject.usable_cpus);
  read_texts(options, checkpoint, subject);
  subject.work = make_work_table(checkpoint, subject.workload, subject.labelled);
  subject.problem_type = checkpoint.problem_type();
  subject.has_labels = checkpoint.has_head();
  subject.checkpoint_hash = checkpoint.hash(subject.cache_dir);
  return subject;
}

CheckpointSummary summarize_checkpoint(const Checkpoint& checkpoint, const BenchSubject& subject) {
  CheckpointSummary summary = summarize(checkpoint, subject.checkpoint_hash);
  const int32_t mean = std::max(1, static_cast<int32_t>(subject.workload.summary.mean_tokens + 0.5));
  summary.mflops_per_token = forward_flops(checkpoint.network(), mean) / mean / 1e6;
  return summary;
}

/// What is known before any engine starts.
BenchResults begin(const BenchOptions& options) {
  check_options(options);
  BenchResults results;
  results.paceline_version = version();
  results.build_id = build_id();
  results.command = options.command;
  results.started_at = utc_now();
  results.dry_run = options.method.dry_run;
  results.load_before = read_load();
  results.machine = read_machine();
  return results;
}

BenchEnvironment real_environment(const BenchOptions& options) {
  BenchEnvironment environment;
  environment.began = monotonic_seconds();
  environment.start_worker = make_process_workers({.command = options.worker, .stop = options.stop});
  return environment;
}

void finish(BenchResults& results, double started) {
  results.load_after = read_load();
  results.seconds += monotonic_seconds() - started;
  const bool has_times = !results.cells.empty() || !results.profiles.empty();
  if (has_times && results.load_after.other_share > kNoisyShare) {
    results.notes.push_back(
        fmt::format("Other processes used {:.0f} % of the CPU, so the figures are noisier. Measure again on a quiet "
                    "machine.",
                    100 * results.load_after.other_share));
  }
}

std::string windows_note(const WorkloadSummary& is) {
  return fmt::format(
      "Long texts are split: {} became {}. Times are per text. Batches, lengths, latencies and the gate count windows.",
      counted(is.texts, "text"), counted(is.sequences, "window"));
}

std::string unread_note(const Workload& workload) {
  return fmt::format("Skipped {} of the chosen texts, which cannot be read. First error: {}", workload.passed_over,
                     workload.first_error);
}

/// What bench and verify have in common: `run` fills the results from the subject.
template <class Run>
BenchResults with_subject(const BenchOptions& options, const Run& run) {
  const BenchEnvironment environment = real_environment(options);
  BenchResults results = begin(options);
  const Checkpoint checkpoint = Checkpoint::open(find_model_folder(options.model_dir), options.checkpoint_options);
  for (const std::string& notice : checkpoint.notices()) {
    if (options.listener.on_notice) options.listener.on_notice(notice);
  }
  const BenchSubject subject = make_subject(options, checkpoint);
  results.checkpoint = summarize_checkpoint(checkpoint, subject);
  results.workload = subject.workload.summary;
  if (results.workload.in_windows()) results.notes.push_back(windows_note(results.workload));
  if (subject.workload.passed_over > 0) results.notes.push_back(unread_note(subject.workload));
  run(subject, environment, results);
  finish(results, *environment.began);
  return results;
}

}  // namespace

BenchResults run_bench(const BenchOptions& options) {
  return with_subject(options,
                      [&](const BenchSubject& subject, const BenchEnvironment& environment, BenchResults& results) {
                        results.roof = measure_roof(subject.threads);
                        run_measurement(options, subject, environment, results);
                      });
}

BenchResults run_profile(const BenchOptions& options) {
  check_profile_options(options);
  return with_subject(options, [&](const BenchSubject& subject, const BenchEnvironment&, BenchResults& results) {
    profile_stages(options, subject, results);
  });
}

std::filesystem::path saved_rounds(const std::filesystem::path& rounds_dir) { return round_store_file(rounds_dir); }

void remove_saved_rounds(const std::filesystem::path& rounds_dir) {
  std::error_code ignored;  // one that stays is found by the next run, which says so
  std::filesystem::remove(saved_rounds(rounds_dir), ignored);
}

BenchResults run_verify(const BenchOptions& options) {
  return with_subject(options, [&](const BenchSubject& subject, const BenchEnvironment& environment,
                                   BenchResults& results) { run_gate_alone(options, subject, environment, results); });
}

}  // namespace paceline
