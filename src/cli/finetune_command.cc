#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "backend/trainer.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/subcommands.h"
#include "evaluate/evaluate.h"
#include "paceline/error.h"
#include "report/training_report.h"
#include "results/training_json.h"
#include "train/finetune.h"
#include "train/metric.h"
#include "train/result_folder.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr int64_t kMostUpdates = 100'000'000;
constexpr int64_t kMostTexts = 1'000'000;  // of a batch

struct FinetuneFlags {
  FinetuneOptions finetune;
  std::set<std::string> given;  ///< of those that a value does not tell: a default was typed, too
  bool json = false;
  bool quiet = false;
};

/// `set`, which notes that the flag was given.
Setter noted(FinetuneFlags& flags, const std::string& name, Setter set) {
  return [&flags, name, set = std::move(set)](const std::string& given) {
    set(given);
    flags.given.insert(name);
  };
}

bool is_number(std::string_view given) {
  return !given.empty() && std::ranges::all_of(given, [](char one) { return one >= '0' && one <= '9'; });
}

/// Throws for a value that is none of these words and nothing else that is expected.
[[noreturn]] void refuse_word(const std::string& given, const std::vector<std::string>& words,
                              std::string_view expected) {
  const std::string_view nearest = nearest_name(given, words);
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" was given, expected {}.{}", excerpt(given), expected,
                          nearest.empty() ? "" : fmt::format(" Did you mean \"{}\"?", nearest)));
}

/// "balanced", or LABEL=W,...
Setter set_label_weights(FinetuneOptions& options) {
  return [&options](const std::string& given) {
    options.label_weights.clear();
    options.recipe.class_weights = given;
    if (given == "balanced") return;
    if (given.find('=') == std::string::npos) {
      refuse_word(given, {"balanced"}, "balanced, or LABEL=NUMBER, several separated by commas");
    }
    LabelOptions labels;
    set_class_weights(labels)(given);
    options.label_weights = labels.class_weights;
  };
}

/// "epoch", or a number of updates.
Setter set_eval_every(int32_t& target) {
  return [&target](const std::string& given) {
    if (given == "epoch") {
      target = 0;
      return;
    }
    if (!is_number(given)) refuse_word(given, {"epoch"}, "epoch or a number of updates");
    set_integer(target, 1, kMostUpdates)(given);
  };
}

Setter set_updates(int64_t& target) {
  return [&target](const std::string& given) {
    int32_t updates = 0;
    set_integer(updates, 1, kMostUpdates)(given);
    target = updates;
  };
}

/// "encoder", "embeddings" or a number; how many layers there are is known later.
Setter set_freeze(std::string& target) {
  return [&target](const std::string& given) {
    const std::vector<std::string> words{"encoder", "embeddings"};
    int32_t layers = 0;
    if (is_number(given)) {
      set_integer(layers, 0, 100'000)(given);
    } else if (std::ranges::find(words, given) == words.end()) {
      refuse_word(given, words, "encoder, embeddings or a number of layers");
    }
    target = given;
  };
}

// Neighbours of the same help share a line of it.
constexpr const char* kLengthHelp = "times each text is learnt from; updates (default 3 epochs)";
constexpr const char* kBatchHelp = "texts a pass; passes an update (default 32, 1)";
constexpr const char* kRateHelp = "the largest; share of updates until then (default 2e-5, 0.1)";
constexpr const char* kAdamwHelp = "of AdamW; 0: no clipping (default 0.01, 1)";
constexpr const char* kTeacherHelp = "parts of its loss (default 0.5, 2, 0)";

std::vector<Flag> length_flags(FinetuneFlags& flags) {
  TrainingRecipe& recipe = flags.finetune.recipe;
  return {{"--epochs", "X", kLengthHelp, noted(flags, "--epochs", set_number(recipe.epochs, 1e-6, 1e6))},
          {"--steps", "N", kLengthHelp, noted(flags, "--steps", set_updates(recipe.steps))},
          {"--batch-size", "N", kBatchHelp, set_integer(recipe.batch_size, 1, kMostTexts)},
          {"--accumulate", "N", kBatchHelp, set_integer(recipe.accumulate, 1, kMostTexts)},
          {"--max-length", "N", "tokens that longer texts are cut to (default: the model's limit)",
           set_integer(recipe.max_length, 1, 1'000'000)},
          {"--batching", "HOW", "random, length-grouped or padded, for comparison (default random)",
           set_choice(recipe.batching, kBatchingNames)}};
}

std::vector<Flag> optimiser_flags(FinetuneOptions& options) {
  TrainingRecipe& recipe = options.recipe;
  return {
      {"--learning-rate", "X", kRateHelp, set_number(recipe.learning_rate, 0, 1e6)},
      {"--warmup", "X", kRateHelp, set_number(recipe.warmup, 0, 1)},
      {"--weight-decay", "X", kAdamwHelp, set_number(recipe.weight_decay, 0, 1e6)},
      {"--max-gradient-norm", "X", kAdamwHelp, set_number(recipe.max_gradient_norm, 0, 1e12)},
      {"--compute-type", "TYPE", "fp32 or bf16-autocast (default fp32)",
       set_known(recipe.compute_type, {"fp32", "bf16-autocast"})},
      {"--class-weights", "LIST", "balanced, or LABEL=W,...: how much texts count (default 1)",
       set_label_weights(options)},
      {"--freeze", "WHAT", "encoder, embeddings or the first N layers stay (default none)", set_freeze(recipe.freeze)},
      {"--seed", "N", "of the order, dropout and a new head (default 42)", set_seed(recipe.seed)},
      threads_flag(recipe.threads)};
}

std::vector<Flag> teacher_flags(FinetuneFlags& flags) {
  TrainingRecipe& recipe = flags.finetune.recipe;
  return {
      {"--teacher", "DIR", "a model of the same labels, whose answers are learnt, too (default none)",
       set_path(flags.finetune.teacher)},
      {"--teacher-share", "X", kTeacherHelp, noted(flags, "--teacher-share", set_number(recipe.teacher_share, 0, 1))},
      {"--temperature", "X", kTeacherHelp, noted(flags, "--temperature", set_number(recipe.temperature, 1e-3, 1e3))},
      {"--hidden-weight", "X", kTeacherHelp,
       noted(flags, "--hidden-weight", set_number(recipe.hidden_weight, 0, 1e6))}};
}

std::vector<Flag> evaluation_flags(TrainingRecipe& recipe) {
  return {
      {"--eval-every", "N", "updates between evaluations, or epoch (default epoch)", set_eval_every(recipe.eval_every)},
      {"--metric", "NAME", "says which evaluation is the best (default: the task's first)",
       set_known(recipe.metric, known_metrics())},
      {"--patience", "N", "evaluations without a gain that end it; 0: none do (default 0)",
       set_integer(recipe.patience, 0, 1'000'000)}};
}

std::vector<Flag> label_choice_flags(FinetuneOptions& options) {
  return {{"--label-column", "NAME", "column or field that holds the label (default label)",
           set_string(options.rows.label_column)},
          {"--problem-type", "TYPE", "of a new head, as config.json has it (default: by the labels)",
           set_known(options.recipe.problem_type,
                     {"single_label_classification", "multi_label_classification", "regression"})},
          {"--new-head", "", "learn a head of the file's labels (default: where the model has none)",
           set_switch(options.recipe.new_head)}};
}

/// Throws where a flag would have no effect.
void check_given(const FinetuneFlags& flags) {
  if (flags.given.contains("--epochs") && flags.given.contains("--steps")) {
    throw Error(ErrorCode::kInvalidArgument,
                "[finetune] --epochs and --steps were given, and each says how long the training is. Give one of the "
                "two.");
  }
  for (const char* flag : {"--teacher-share", "--temperature", "--hidden-weight"}) {
    if (!flags.finetune.teacher.empty() || !flags.given.contains(flag)) continue;
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("[finetune] {} was given, and no --teacher, which it is about. Name one, or leave it out.", flag));
  }
}

int run_finetune(FinetuneFlags& flags, Console& console) {
  const FinetuneOptions& options = flags.finetune;
  check_given(flags);
  const FinetuneListener listener{
      .notice =
          [&](const std::string& notice) {
            if (!flags.quiet) console.note("paceline: " + notice);
          },
      .progress = [&](const char* unit) { return make_progress(flags.quiet, "finetune", unit); }};
  const FinetuneResult result = interruptibly([&] {
    return finetune(options, {check_trainer, create_trainer}, listener, stop_by_signal());
  });
  if (result.finished_before) {
    console.note(
        fmt::format("paceline: {} has the result of this very command. --restart trains anew.", options.out.string()));
    if (flags.json) console.write(read_file(options.out / kTrainingFile, JsonLimits{}.max_bytes));
    return kExitDone;
  }
  if (!result.training) return kExitInterrupted;
  note_work_done();
  if (flags.json) {
    console.write(training_json(*result.training));
  } else {
    console.write_styled(training_text(
        *result.training,
        {.width = Console::width(), .color = Console::has_color(), .out_dir = options.out, .remark = result.remark}));
  }
  return kExitDone;
}

}  // namespace

Command make_finetune_command() {
  const auto flags = std::make_shared<FinetuneFlags>();
  FinetuneOptions& options = flags->finetune;
  options.rows.label_column = kDefaultLabelColumn;
  std::vector<Flag> table{
      {"MODEL_DIR", "", "folder of a model or an encoder, or org/name in the hub cache", set_path(options.model), true},
      {"--train", "FILE", "CSV, TSV, JSONL or JSON: texts with their labels", set_path(options.train), true},
      {"--eval", "FILE", "the same, other texts: they say which weights are kept", set_path(options.eval), true},
      {"--out", "DIR", "folder of the trained model", set_path(options.out), true},
      {"--restart", "", "begin anew (default: go on where --out has begun)", set_switch(options.restart)},
      {"--json", "", "print JSON (default: text)", set_switch(flags->json)}};
  for (auto&& part : {length_flags(*flags), optimiser_flags(options), evaluation_flags(options.recipe),
                      label_choice_flags(options), teacher_flags(*flags), row_flags(options.rows),
                      weight_flags(options.checkpoint_options.file, options.checkpoint_options.prefix,
                                   options.checkpoint_options.base)}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  table.push_back(cache_dir_flag(options.cache_dir));
  table.push_back({"--quiet", "", "no notes, no progress (default: shown)", set_switch(flags->quiet)});
  return {.name = "finetune",
          .summary = "train a classifier on texts with labels, without computing padding",
          .flags = std::move(table),
          .notes =
              "The same command goes on after Ctrl-C or a crash and reaches the same weights. The folder of --out is "
              "one that transformers loads, with a model card and a page. Training needs the torch backend.",
          .run = [flags](const Invocation& invocation) {
            flags->finetune.command = invocation.command_line;
            return run_finetune(*flags, invocation.console);
          }};
}

}  // namespace paceline
