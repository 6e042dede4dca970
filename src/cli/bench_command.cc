#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/cache_folder.h"
#include "base/paths.h"
#include "bench/accuracy_gate.h"
#include "bench/bench.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "model_folder/model_folder.h"
#include "paceline/error.h"
#include "plan/deployment.h"
#include "report/report.h"
#include "results/fields.h"

namespace paceline {
namespace {

constexpr int64_t kMaxTexts = 10'000'000;
constexpr int64_t kMaxBatchSize = 4096;
constexpr int64_t kMaxBatchTokens = 1 << 24;
constexpr int64_t kMaxThreads = 1024;

/// Flags that share a help stand in one line of it.
constexpr const char* kDataHelp = "labelled texts: scores the answers (default none, label)";
constexpr const char* kMostHelp = "exclude what needs more: p99; 4GB, 512MiB (default none)";
constexpr const char* kAccuracyHelp = "least on --data; loss of bf16, int8 (default 0, 0.005)";
constexpr const char* kThreadsHelp = "threads of each copy (0: all CPUs); copies (default 0, 1)";

struct BenchFlags {
  BenchOptions bench;
  ClassifierOptions changes;  ///< to how a plan's model is read, or the defaults
  LabelOptions labels;        ///< changes to the plan's, or all
  std::optional<Plan> plan;   ///< given as the model
  std::filesystem::path plan_file;
  LongTextFlags long_texts;
  std::filesystem::path out;
  bool has_budget = false;        ///< named on the command line
  bool has_label_column = false;  ///< the same
  bool profile = false;
  bool quiet = false;
};

std::vector<Flag> workload_flags(BenchFlags& flags) {
  BenchOptions& bench = flags.bench;
  std::vector<Flag> table{
      model_or_plan_flag(bench.model_dir),
      {"--text", "FILE", "the texts to measure with (default: those of --data)", set_path(bench.texts.file), false,
       false, true},
      {"--data", "FILE", kDataHelp, set_path(bench.texts.labelled)},
      {"--label-column", "NAME", kDataHelp,
       [&flags](const std::string& given) {
         flags.bench.texts.label_column = given;
         flags.has_label_column = true;
       }},
      {"--texts", "N", "number of texts to measure, chosen at random (default 1000)",
       set_integer(bench.texts.sample, 1, kMaxTexts)},
      {"--seed", "N", "random seed for choosing the texts (default 0)", set_seed(bench.texts.seed)}};
  for (Flag& flag : row_flags(bench.texts.rows)) table.push_back(std::move(flag));
  ClassifierOptions& changes = flags.changes;
  for (Flag& flag : weight_flags(changes.weights, changes.prefix, changes.base)) table.push_back(std::move(flag));
  table.push_back(token_types_flag(changes.token_types));
  return table;
}

std::vector<Flag> grid_flags(BenchFlags& flags) {
  BenchOptions& bench = flags.bench;
  return {
      {"--backends", "LIST", "backends to measure (default: all that are installed)", set_list(bench.choice.backends)},
      {"--compute-types", "LIST", "fp32, bf16, int8 arithmetic (default: all that the CPU supports)",
       set_known_list(bench.choice.compute_types, known_compute_types())},
      {"--batch-sizes", "LIST", "texts in a batch (default 1,2,4,8,16,32,64)",
       set_integers(bench.choice.batch_sizes, 1, kMaxBatchSize)},
      {"--max-batch-tokens", "LIST", "most tokens in a batch, for backends that do not pad (default none)",
       set_integers(bench.choice.max_batch_tokens, 1, kMaxBatchTokens)},
      {"--orders", "LIST", "input (as given), length (sorted) (default input,length)", set_orders(bench.choice.orders)},
      {"--devices", "LIST", "where to compute: cpu, cuda:0, ... (default cpu)", set_devices(bench.choice.devices)},
      {"--threads", "LIST", kThreadsHelp, set_integers(bench.choice.threads, 0, kMaxThreads)},
      {"--instances", "LIST", kThreadsHelp, set_integers(bench.choice.instances, 1, kMaxThreads)}};
}

std::vector<Flag> choice_flags(BenchFlags& flags) {
  BenchOptions& bench = flags.bench;
  constexpr double kAny = std::numeric_limits<double>::max();
  return {{"--budget", "TIME", "time for measuring: 60s, 5m, 2h (default 5m)",
           [&flags](const std::string& given) {
             set_duration(flags.bench.method.budget_seconds)(given);
             flags.has_budget = true;
           }},
          {"--protocol", "NAME", "article: every batch in 5 rounds; takes hours (default: keep the budget)",
           set_choice(bench.method.protocol, {{"article", Protocol::kArticle}})},
          {"--resume", "", "continue the unfinished article run in --out (default: start anew)",
           set_switch(bench.method.resume)},
          {"--profile", "", "measure the stages of native instead of comparing (default: compare)",
           set_switch(flags.profile)},
          {"--dry-run", "", "print what would be measured and how long it takes (default: measure)",
           set_switch(bench.method.dry_run)},
          {"--objective", "GOAL", "throughput or latency (default throughput)",
           set_choice(bench.constraints.objective, kObjectiveNames)},
          {"--max-latency-ms", "X", kMostHelp, set_number(bench.constraints.max_latency_ms, 0, kAny)},
          {"--max-memory", "SIZE", kMostHelp, set_bytes(bench.constraints.max_memory_bytes)},
          {"--min-agreement", "X", "share of equal labels that bf16 and int8 need (default 0.995)",
           set_number(bench.constraints.min_agreement, 0, 1)},
          {"--min-accuracy", "X", kAccuracyHelp, set_number(bench.constraints.min_accuracy, 0, 1)},
          {"--max-accuracy-loss", "X", kAccuracyHelp,
           [&bench](const std::string& given) {
             set_number(bench.constraints.max_accuracy_loss.emplace(), kLeastMaxAccuracyLoss, 1)(given);
           }},
          {"--price-per-hour", "X", "price of this machine; adds the cost per million texts (default none)",
           set_number(bench.constraints.price_per_hour, 0, kAny)}};
}

/// What decides which sequences are measured; how windows are combined takes no time and is classify's to say.
std::vector<Flag> long_window_flags(LongTextFlags& flags) {
  std::vector<Flag> table = long_text_flags(flags);
  table.erase(table.begin() + 2, table.end());
  table[0].help = "cut long texts (truncate) or split them (window) (default truncate)";
  return table;
}

/// A plan names the model, its weights, labels and long texts, and a file of the user's own to measure beside the
/// backends. Everything else is measured anew.
void read_model(BenchFlags& flags) {
  BenchOptions& bench = flags.bench;
  Deployment setup = read_deployment(bench.model_dir);
  change_run(setup.run, flags.changes);
  change_labels(setup.labels, flags.labels);
  bench.model_dir = setup.model_dir;
  bench.checkpoint_options = setup.run.checkpoint_options;
  bench.labels = setup.labels;
  bench.texts.long_texts = long_text_options(flags.long_texts, setup.run.long_texts, "bench");
  flags.plan = setup.plan;
  flags.plan_file = setup.plan_file;
  const std::filesystem::path& planned = setup.run.backend.file;
  const bool named = std::ranges::find(bench.choice.files, planned, &UserFile::path) != bench.choice.files.end();
  if (!planned.empty() && !named) bench.choice.files.push_back({setup.run.backend.name, planned});
}

/// What belongs together, or not at all.
void check_protocol(const BenchFlags& flags) {
  const BenchOptions& bench = flags.bench;
  const bool article = bench.method.protocol == Protocol::kArticle;
  if (article && flags.has_budget) {
    throw Error{ErrorCode::kInvalidArgument,
                "[bench] --budget does not limit --protocol article. Leave one of the two out; --dry-run says how long "
                "it takes."};
  }
  if (bench.method.resume && !article) {
    throw Error{ErrorCode::kInvalidArgument, "[bench] --resume continues a run of --protocol article. Give both."};
  }
}

/// That there are texts, and labels where something asks for them.
void check_texts(const BenchFlags& flags) {
  const BenchTexts& texts = flags.bench.texts;
  if (texts.file.empty() && texts.labelled.empty()) {
    throw Error{
        ErrorCode::kInvalidArgument,
        "[bench] --text is missing. Name the file of the texts to measure with, or give texts with their labels "
        "by --data."};
  }
  if (texts.labelled.empty() && flags.has_label_column) {
    throw Error{ErrorCode::kInvalidArgument,
                "[bench] --label-column names a column of --data. Give both, or leave it out."};
  }
}

/// That the report can be written, and replaces neither the texts nor a plan or a file that is measured.
void check_out(const BenchFlags& flags) {
  std::vector<std::filesystem::path> read;
  for (const std::filesystem::path& file : {flags.bench.texts.file, flags.bench.texts.labelled, flags.plan_file}) {
    if (!file.empty()) read.push_back(file);
  }
  for (const UserFile& file : flags.bench.choice.files) read.push_back(file.path);
  for (const std::string& name : names_of_a_report()) {
    refuse_overwriting("bench", "--out", flags.out / name, read);
  }
  check_report_folder(flags.out);
}

/// Before hours of measuring: that the model is the plan's, and has the labels that are named.
void check_model(const BenchFlags& flags) {
  const LabelOptions& labels = flags.bench.labels;
  const bool named = labels.has_threshold() || !labels.class_weights.empty();
  if (!named && !flags.plan) return;
  const Checkpoint checkpoint =
      Checkpoint::open(find_model_folder(flags.bench.model_dir), flags.bench.checkpoint_options);
  if (flags.plan) {
    const std::filesystem::path& cache_dir = flags.bench.cache_dir;
    check_plan_checkpoint(*flags.plan, checkpoint, cache_dir.empty() ? default_cache_dir() : cache_dir);
    if (!flags.plan->run.backend.file.empty()) check_plan_file(*flags.plan);
  }
  if (!named) return;
  if (!checkpoint.has_head()) {
    throw Error{ErrorCode::kInvalidArgument,
                "[bench] the model has no labels, --threshold and --class-weights need some. Leave them out."};
  }
  resolve_labels(labels, checkpoint.labels(), checkpoint.problem_type());
}

/// What an unfinished article run leaves, and how to go on.
void note_saved_rounds(const BenchFlags& flags, const BenchResults& results, const Invocation& invocation) {
  invocation.console.note(fmt::format("paceline: {}. The finished rounds are saved in {}. To continue:",
                                      results.interrupted ? "stopped" : "not everything could be measured",
                                      saved_rounds(flags.out).string()));
  invocation.console.note(fmt::format("  {}{}", invocation.command_line, flags.bench.method.resume ? "" : " --resume"));
}

/// Where the files of a run are, and a remark on them.
struct WrittenFiles {
  std::filesystem::path folder;  ///< empty: nothing was written
  std::string remark;
};

WrittenFiles write_results(const BenchFlags& flags, const BenchResults& results, Console& console) {
  const std::optional<std::filesystem::path> folder = report_folder(results, flags.out);
  if (!folder || *folder != flags.out) {
    console.note(fmt::format("paceline: this run is incomplete, so the complete report in {} stays.{}",
                             flags.out.string(),
                             folder ? fmt::format(" The partial report is in {}.", folder->string()) : ""));
  }
  if (!folder) return {};
  const std::optional<Plan> plan = make_plan(results, flags.bench.labels);
  PlanWriter plan_writer;
  if (plan) plan_writer = [&](const std::filesystem::path& file) { write_plan(*plan, file); };
  return {.folder = *folder, .remark = write_report(results, *folder, plan_writer)};
}

bool nothing_measured(const BenchResults& results) {
  return std::none_of(results.cells.begin(), results.cells.end(),
                      [](const CellResult& cell) { return cell.rounds > 0; });
}

TerminalOptions terminal(const WrittenFiles& files) {
  return {.width = Console::width(), .color = Console::has_color(), .out_dir = files.folder, .remark = files.remark};
}

int run_profile_command(BenchFlags& flags, const Invocation& invocation) {
  if (flags.has_budget) {
    throw Error{
        ErrorCode::kInvalidArgument,
        "[bench] --profile and --budget exclude each other: a profile takes five rounds. Leave one of the two out."};
  }
  if (!flags.out.empty()) check_profile_folder(flags.out);
  const auto progress = make_progress(flags.quiet, "profile", "turns");
  flags.bench.listener.progress = progress.get();
  flags.bench.stop = stop_by_signal();
  flags.bench.command = invocation.command_line;
  note_notices(flags.bench, invocation.console);
  const BenchResults results = run_profile(flags.bench);
  progress->finish();
  const bool measured = !results.profiles.empty();
  if (measured && !flags.out.empty()) write_profile(results, flags.out);
  if (measured) invocation.console.write_styled(profile_text(results, terminal({.folder = flags.out, .remark = ""})));
  return results.interrupted ? kExitInterrupted : kExitDone;
}

int run_bench_command(BenchFlags& flags, const Invocation& invocation) {
  Console& console = invocation.console;
  BenchOptions& bench = flags.bench;
  check_texts(flags);
  read_model(flags);
  if (flags.profile) return run_profile_command(flags, invocation);
  if (flags.out.empty() && !bench.method.dry_run) {
    throw Error{ErrorCode::kInvalidArgument, "[bench] --out is missing. Name the folder for the report."};
  }
  check_protocol(flags);
  check_model(flags);
  if (!bench.method.dry_run) check_out(flags);
  const auto progress = make_progress(flags.quiet, "bench", "s");
  bench.method.rounds_dir = flags.out;
  bench.listener.progress = progress.get();
  bench.stop = stop_by_signal();
  bench.command = invocation.command_line;
  note_notices(bench, console);
  bench.listener.on_extra = [&](const std::string& extra) {
    if (!flags.quiet) console.note(extra);
  };
  bench.listener.on_plan = [&](const std::string& plan) {
    progress->finish();
    if (bench.method.dry_run) console.write(plan + "\n");
    if (!bench.method.dry_run && !flags.quiet) console.note_lines(plan);
  };
  const BenchResults results = run_bench(bench);
  progress->finish();
  if (bench.method.dry_run) return results.interrupted ? kExitInterrupted : kExitDone;
  console.write_styled(terminal_summary(results, terminal(write_results(flags, results, console))));
  if (bench.method.protocol == Protocol::kArticle && !results.unfinished) remove_saved_rounds(flags.out);
  const bool resumable = results.unfinished && path_exists(saved_rounds(flags.out));
  if (resumable) note_saved_rounds(flags, results, invocation);
  if (results.interrupted) return resumable ? kExitStopped : kExitInterrupted;
  if (results.named_type_rejected) return kExitGateFailed;
  if (nothing_measured(results)) {
    const bool no_room = std::ranges::any_of(results.backends, &BackendResult::no_room);
    throw Error{no_room ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
                fmt::format("[bench] no backend could be measured; the report says why for each. {}",
                            no_room ? "Raise the limits that it names." : "See paceline doctor.")};
  }
  return kExitDone;
}

}  // namespace

Command make_bench_command() {
  const auto flags = std::make_shared<BenchFlags>();
  std::vector<Flag> table = workload_flags(*flags);
  table.insert(table.begin() + 2,
               {"--out", "DIR", "folder for report.html, report.json, samples.csv, plan.json, charts",
                set_path(flags->out), false, false, true});
  for (Flag& flag : grid_flags(*flags)) table.push_back(std::move(flag));
  for (Flag& flag : user_file_flags(flags->bench.choice.files, "measure")) table.push_back(std::move(flag));
  for (Flag& flag : choice_flags(*flags)) table.push_back(std::move(flag));
  for (Flag& flag : long_window_flags(flags->long_texts)) table.push_back(std::move(flag));
  for (Flag& flag : label_flags(flags->labels)) {
    flag.help = "stored in plan.json; see classify (default none)";
    table.push_back(std::move(flag));
  }
  table.push_back(cache_dir_flag(flags->bench.cache_dir));
  table.push_back({"--quiet", "", "no progress (default: shown)", set_switch(flags->quiet)});
  return {.name = "bench",
          .summary = "measure the configurations on your texts and recommend the fastest",
          .flags = std::move(table),
          .notes = "",
          .run = [flags](const Invocation& invocation) { return run_bench_command(*flags, invocation); }};
}

}  // namespace paceline
