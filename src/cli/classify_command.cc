#include <fmt/format.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "batch/order_names.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "jobs/stream.h"
#include "machine/machine.h"
#include "paceline/error.h"
#include "plan/deployment.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

struct ClassifyFlags {
  std::filesystem::path model;  ///< MODEL_DIR or plan.json
  std::filesystem::path input = "-";
  std::filesystem::path output = "-";
  RowReaderOptions rows;
  std::optional<int32_t> top_k;
  bool all_labels = false;
  bool raw_logits = false;
  bool strict = false;
  bool quiet = false;
  std::string output_prefix;
  ClassifierOptions changes;  ///< to the plan or the defaults
  LabelOptions labels;
  LongTextFlags long_texts;
  std::optional<Order> order;
};

Deployment read_setup(const ClassifyFlags& flags) {
  Deployment setup = read_deployment(flags.model);
  if (flags.order) setup.run.limits.order = *flags.order;
  change_run(setup.run, flags.changes);
  setup.run.long_texts = long_text_options(flags.long_texts, setup.run.long_texts, "classify");
  change_labels(setup.labels, flags.labels);
  return setup;
}

/// What the command line says otherwise than the plan about labels, long texts and arithmetic, which change answers.
void note_changes(const Plan& plan, const ClassifyFlags& flags, const BackendOptions& backend, Console& console) {
  const LabelOptions& planned = plan.label_options;
  const LabelOptions& given = flags.labels;
  const auto note = [&](std::string_view flag) { console.note(fmt::format("paceline: {} overrides the plan.", flag)); };
  if (given.has_threshold() && planned.has_threshold() &&
      (given.threshold != planned.threshold || given.label_thresholds != planned.label_thresholds)) {
    note("--threshold");
  }
  if (!given.class_weights.empty() && !planned.class_weights.empty() && given.class_weights != planned.class_weights) {
    note("--class-weights");
  }
  if (flags.long_texts.mode && plan.run.long_texts && *flags.long_texts.mode != plan.run.long_texts->mode) {
    note("--long");
  }
  const BackendOptions& checked = plan.run.backend;
  if (backend.name == checked.name && backend.compute_type == checked.compute_type) return;
  const std::string now = fmt::format("{} {}", backend.name, backend.compute_type);
  console.note(
      fmt::format("paceline: {} overrides {} {} of the plan. The plan does not say whether the answers of {} were "
                  "accepted; paceline verify checks them.",
                  now, checked.name, checked.compute_type, now));
}

/// --all-labels gives what a threshold takes away. Throws Error{invalid_argument}.
LabelRules make_rules(const ClassifyFlags& flags, const Deployment& setup, const Checkpoint& checkpoint,
                      Console& console) {
  LabelRules rules = resolve_labels(setup.labels, checkpoint.labels(), checkpoint.problem_type());
  if (!flags.all_labels || rules.thresholds.empty()) return rules;
  if (flags.labels.has_threshold()) {
    throw Error{ErrorCode::kInvalidArgument,
                "[classify] --threshold leaves labels out and --all-labels gives every one. Choose one of the two."};
  }
  console.note("paceline: --all-labels gives every label, whatever the plan's threshold is.");
  rules.thresholds.clear();
  return rules;
}

void note_plan(const Plan& plan, Console& console) {
  const std::string cpu = read_machine().cpu;
  if (plan.cpu.empty() || cpu == plan.cpu) return;
  console.note(
      fmt::format("paceline: the plan was measured on another machine ({}), this is {}. Another "
                  "configuration may be faster here: run paceline bench.",
                  plan.cpu, cpu));
}

Checkpoint check_setup(const Deployment& setup, Console& console) {
  Checkpoint checkpoint = check_deployment(setup);
  if (setup.plan) note_plan(*setup.plan, console);
  note_checkpoint(checkpoint, console);
  return checkpoint;
}

void note_summary(const ClassifySummary& summary, double seconds, Console& console) {
  const auto count = [](uint64_t rows) { return format_count(static_cast<int64_t>(rows)); };
  std::string line = fmt::format("{} in {:.1f} s, {:.1f} texts/s", counted(static_cast<int64_t>(summary.rows), "text"),
                                 seconds, static_cast<double>(summary.rows) / seconds);
  if (summary.truncated > 0) line += fmt::format("; {} truncated", count(summary.truncated));
  if (summary.windowed > 0) line += fmt::format("; {} in windows", count(summary.windowed));
  if (summary.errors > 0) line += fmt::format("; {} with an error", count(summary.errors));
  console.note(line);
  if (summary.errors > 0) console.note(fmt::format("the first error: {}", summary.first_error));
}

std::unique_ptr<RowWriter> make_writer(const ClassifyFlags& flags, const RowReader& reader,
                                       const Checkpoint& checkpoint, const RunOptions& run, int32_t top_k) {
  RowWriterOptions written = writer_options(reader, checkpoint, run, top_k);
  written.all_labels = flags.all_labels;
  written.raw_logits = flags.raw_logits;
  written.output_prefix = flags.output_prefix;
  return RowWriter::make(written);
}

int run_classify(const ClassifyFlags& flags, Console& console) {
  refuse_packed_output("classify", flags.output);
  refuse_overwriting("classify", "--output", flags.output, {flags.input, flags.model});
  Deployment setup = read_setup(flags);
  setup.run.counts_cut = true;
  Checkpoint checkpoint = check_setup(setup, console);
  refuse_overwriting("classify", "--output", flags.output, files_of(checkpoint));
  if (setup.plan) note_changes(*setup.plan, flags, setup.run.backend, console);
  const LabelRules rules = make_rules(flags, setup, checkpoint, console);
  const int32_t top_k = flags.top_k.value_or(default_top_k(rules, checkpoint.problem_type()));
  StreamOptions stream;
  stream.answer = {.labels = rules, .top_k = flags.all_labels ? 0 : top_k};
  stream.stop = stop_by_signal();
  const std::stop_callback end_input(stream.stop, [input = stream.input]() mutable { input.request_stop(); });
  RowReaderOptions rows = flags.rows;
  rows.stop = stream.input.get_token();
  auto reader = interruptibly([&] { return RowReader::open(flags.input, rows); });
  for (const std::string& note : reader->notes()) console.note(fmt::format("paceline: {}.", note));
  const auto writer = make_writer(flags, *reader, checkpoint, setup.run, top_k);
  TextClassifier classifier(std::move(checkpoint), setup.run);
  for (const std::string& note : classifier.tokenizer().notes()) console.note(fmt::format("paceline: {}.", note));
  if (!classifier.tokenizer().adds_special_tokens()) reader = refuse_empty_rows(std::move(reader));
  stream.chunk = static_cast<int32_t>(classifier.chunk_texts());
  Output output = interruptibly([&] { return Output(flags.output, console); });
  const auto progress = make_progress(flags.quiet, "classify", "kB");
  const double start = monotonic_seconds();
  const ClassifySummary summary = classify_stream(*reader, *writer, classifier, stream, output.sink(), *progress);
  if (summary.interrupted || interrupted()) return kExitInterrupted;
  output.commit();
  if (!flags.quiet) note_summary(summary, monotonic_seconds() - start, console);
  if (!reader->damage().empty()) console.note(fmt::format("paceline: {}", reader->damage()));
  if (flags.strict && summary.errors > 0) {
    console.note(
        fmt::format("paceline: {} with an error; --strict gives exit code 3.", counted(summary.errors, "row")));
  }
  return !reader->damage().empty() || (flags.strict && summary.errors > 0) ? kExitBadData : kExitDone;
}

std::vector<Flag> output_flags(ClassifyFlags& flags) {
  return {
      {"--top-k", "N", "best labels per text (default 1; multi-label: all over --threshold)",
       set_integer(flags.top_k, 1, 1'000'000)},
      {"--all-labels", "", "every label, whatever --top-k is (default: --top-k of them)", set_switch(flags.all_labels)},
      {"--raw-logits", "", "also write the logits, with nine digits (default: no)", set_switch(flags.raw_logits)},
      {"--output-prefix", "P", "prefix for the names of new fields (default none)", set_string(flags.output_prefix)},
      {"--strict", "", "exit with 3 if a row has an error (default: exit with 0)", set_switch(flags.strict)},
      {"--quiet", "", "no progress and no summary (default: shown)", set_switch(flags.quiet)}};
}

std::vector<Flag> run_flags(ClassifyFlags& flags) {
  return {{"--backends", "NAME", "backend (default: the plan's, else native)", set_string(flags.changes.backend)},
          {"--compute-types", "TYPE", "fp32, bf16 or int8 arithmetic (default: the plan's, else fp32)",
           set_known(flags.changes.compute_type, known_compute_types())},
          {"--batch-sizes", "N", "texts in a batch (default: the plan's, else no limit)",
           set_integer(flags.changes.batch_size, 1, 1'000'000)},
          {"--max-batch-tokens", "N", "tokens in a batch (default: the plan's, else 16384)",
           set_integer(flags.changes.max_batch_tokens, 1, 1 << 24)},
          {"--orders", "ORDER", "input or length (default: the plan's, else length in chunks of 10000)",
           set_choice(flags.order, kOrderNames)},
          {"--threads", "N", "threads of each instance; 0: all CPUs (default: the plan's, else 0)",
           set_integer(flags.changes.threads, 0, 1024)},
          {"--instances", "N", "copies of the model side by side, on CPUs of their own (default: the plan's, else 1)",
           set_integer(flags.changes.instances, 1, 1024)}};
}

}  // namespace

Command make_classify_command() {
  const auto flags = std::make_shared<ClassifyFlags>();
  std::vector<Flag> table{
      model_or_plan_flag(flags->model),
      {"--input", "FILE", "texts, - for standard input (default -)", set_path(flags->input)},
      {"--output", "FILE", "where the rows go, - for standard output (default -)", set_path(flags->output)}};
  for (auto&& part :
       {row_flags(flags->rows), output_flags(*flags), label_flags(flags->labels), long_text_flags(flags->long_texts),
        run_flags(*flags), weight_flags(flags->changes.weights, flags->changes.prefix, flags->changes.base)}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  table.push_back(token_types_flag(flags->changes.token_types));
  table.push_back(cache_dir_flag(flags->changes.cache_dir));
  return {.name = "classify",
          .summary = "give every text its label, in the order of the input",
          .flags = std::move(table),
          .notes =
              "Output has the input's format. txt: label TAB score. JSONL: the object plus label, score and truncated. "
              "CSV: plus label, score, truncated, error. A row that cannot be classified has its error instead.",
          .run = [flags](const Invocation& invocation) { return run_classify(*flags, invocation.console); }};
}

}  // namespace paceline
