#include <fmt/format.h>

#include <utility>

#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "evaluate/evaluate.h"
#include "paceline/error.h"
#include "report/evaluation_report.h"
#include "report/evaluation_text.h"
#include "results/evaluation_json.h"

namespace paceline {
namespace {

struct EvaluateFlags {
  std::filesystem::path model;  ///< MODEL_DIR or plan.json
  std::filesystem::path against;
  std::filesystem::path out;
  EvaluateOptions evaluate;
  ClassifierOptions changes;  ///< to the plan or the defaults
  LabelOptions labels;
  LongTextFlags long_texts;
  bool json = false;
  bool quiet = false;
};

Deployment read_setup(const EvaluateFlags& flags) {
  Deployment setup = read_deployment(flags.model);
  change_run(setup.run, flags.changes);
  setup.run.long_texts = long_text_options(flags.long_texts, setup.run.long_texts, "evaluate");
  change_labels(setup.labels, flags.labels);
  return setup;
}

/// Run as its plan says, on the same CPUs.
std::optional<Deployment> read_other(const EvaluateFlags& flags) {
  if (flags.against.empty()) return std::nullopt;
  Deployment other = read_deployment(flags.against);
  change_run(other.run, {.threads = flags.changes.threads, .cache_dir = flags.changes.cache_dir});
  return other;
}

/// That the report replaces none of the files that are read.
void check_not_read(const EvaluateFlags& flags, const std::vector<std::filesystem::path>& read) {
  if (flags.out.empty()) return;
  for (const std::string& name : names_of_an_evaluation()) {
    refuse_overwriting("evaluate", "--out", flags.out / name, read);
  }
}

int run_evaluate(EvaluateFlags& flags, Console& console) {
  EvaluateOptions& options = flags.evaluate;
  check_not_read(flags, {options.data, flags.model, flags.against});
  const Deployment setup = read_setup(flags);
  const std::optional<Deployment> against = read_other(flags);
  if (!flags.out.empty()) check_evaluation_folder(flags.out);
  options.stop = stop_by_signal();
  options.opened = [&](const Checkpoint& checkpoint) {
    check_not_read(flags, files_of(checkpoint));
    note_checkpoint(checkpoint, console);
  };
  options.notice = [&](const std::string& note) { console.note("paceline: " + note); };
  const auto progress = make_progress(flags.quiet, "evaluate", "kB");
  const auto evaluation = interruptibly([&] { return evaluate(setup, against, options, *progress); });
  if (!evaluation || interrupted()) return kExitInterrupted;
  const std::string remark = flags.out.empty() ? "" : write_evaluation(*evaluation, flags.out);
  if (flags.json) {
    console.write(evaluation_json(*evaluation));
  } else {
    console.write_styled(evaluation_text(
        *evaluation,
        {.width = Console::width(), .color = Console::has_color(), .out_dir = flags.out, .remark = remark}));
  }
  return kExitDone;
}

std::vector<Flag> run_flags(ClassifierOptions& changes) {
  return {{"--backends", "NAME", "backend (default: the plan's, else native)", set_string(changes.backend)},
          {"--compute-types", "TYPE", "fp32, bf16 or int8 arithmetic (default: the plan's, else fp32)",
           set_known(changes.compute_type, known_compute_types())},
          {"--threads", "N", "threads of each instance; 0: all CPUs (default: the plan's, else 0)",
           set_integer(changes.threads, 0, 1024)}};
}

}  // namespace

Command make_evaluate_command() {
  const auto flags = std::make_shared<EvaluateFlags>();
  EvaluateOptions& options = flags->evaluate;
  std::vector<Flag> table{
      model_or_plan_flag(flags->model),
      {"--data", "FILE", "CSV, TSV, JSONL or JSON: texts with their labels, - for standard input",
       set_path(options.data), true},
      {"--label-column", "NAME", "column or field that holds the label (default label)",
       set_string(options.rows.label_column)},
      {"--against", "MODEL", "another model or plan on the same texts, run as its plan says (default none)",
       set_path(flags->against)},
      {"--out", "DIR", "folder for evaluation.html and evaluation.json (default: no files)", set_path(flags->out)},
      {"--json", "", "print JSON (default: text)", set_switch(flags->json)}};
  for (auto&& part :
       {row_flags(options.rows), label_flags(flags->labels), long_text_flags(flags->long_texts),
        run_flags(flags->changes), weight_flags(flags->changes.weights, flags->changes.prefix, flags->changes.base)}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  table.push_back(token_types_flag(flags->changes.token_types));
  table.push_back(cache_dir_flag(flags->changes.cache_dir));
  table.push_back({"--quiet", "", "no progress (default: shown)", set_switch(flags->quiet)});
  return {
      .name = "evaluate",
      .summary = "say how often a model is right, on texts whose labels are known",
      .flags = std::move(table),
      .notes =
          "Answers are those of classify. A label is a name of the model's or its number; of several labels a list, "
          "or names with | between them. Intervals are of 95 %: other texts of the same kind would give a figure "
          "within them. Flags that say how a model is run are those of MODEL_DIR; only --threads and --cache-dir hold "
          "of "
          "--against, too.",
      .run = [flags](const Invocation& invocation) {
        flags->evaluate.command = invocation.command_line;
        return run_evaluate(*flags, invocation.console);
      }};
}

}  // namespace paceline
