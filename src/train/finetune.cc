#include "train/finetune.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/cache_folder.h"
#include "base/clock.h"
#include "base/cpu_topology.h"
#include "base/file_stamp.h"
#include "base/hash.h"
#include "base/paths.h"
#include "base/staging_folder.h"
#include "base/system_failure.h"
#include "evaluate/evaluate.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "report/staged_files.h"
#include "report/training_report.h"
#include "results/checkpoint_summary.h"
#include "results/training_fields.h"
#include "results/training_json.h"
#include "train/evaluation_set.h"
#include "train/label_weights.h"
#include "train/starting_folder.h"
#include "train/teacher.h"
#include "train/train_loop.h"
#include "train/training_checkpoint.h"
#include "train/training_data.h"
#include "train/training_start.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTrainingFile = "training.json";
/// Texts that are evaluated together at least.
constexpr int32_t kEvaluationBatch = 32;

std::vector<std::string> names_of_a_result() {
  std::vector<std::string> names = classifier_files();
  for (const std::string& name : training_report_files()) names.push_back(name);
  return names;
}

/// Throws where the training would replace what it did not write.
void check_out(const fs::path& out, const fs::path& model, const fs::path& teacher) {
  std::error_code ignored;
  for (const fs::path& read : {model, teacher}) {
    if (read.empty() || !fs::equivalent(out, read, ignored)) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[finetune] --out {} is the model that is read. Choose another folder.", out.string()));
  }
  if (path_exists(out / kTrainingFile)) return;
  for (const char* name : {"config.json", "model.safetensors"}) {
    if (!path_exists(out / name)) continue;
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[{}] it has a {} that no training wrote, an empty or new "
                                                         "folder was expected. Choose another one.",
                                                         out.string(), name));
  }
}

/// Where a TokenStore is made, whose files a signal finds.
fs::path store_place(StagingFolder& work, const std::string& name) {
  for (const char* ending : TokenStoreWriter::kEndings) work.place(name + ending);
  return work.path() / name;
}

/// One call of finetune: each member stands on those before.
class Finetuning {
 public:
  Finetuning(const FinetuneOptions& options, const TrainingEngine& engine, const FinetuneListener& listener,
             std::stop_token stop)
      : options_(options), recipe_(options.recipe), engine_(engine), listener_(listener), stop_(std::move(stop)) {}

  FinetuneResult run() {
    engine_.check();
    start_.emplace(options_);
    const fs::path teacher = start_->teacher() ? start_->teacher()->model_dir() : fs::path();
    check_out(options_.out, start_->source().model_dir(), teacher);
    training_.started_at = utc_now();
    recipe_.threads = resolve_threads(recipe_.threads);
    for (const std::string& notice : start_->source().notices()) listener_.notice(notice + ".");
    if (!start_->choose_labels(listener_, stop_)) return {};
    metric_ = find_metric(recipe_.metric, scheme().type);
    const OrderedJson identity = make_identity();
    checkpoints_.emplace(options_.out, identity);
    if (options_.restart) checkpoints_->remove_all();
    // One that was begun with --restart goes on beside the result that it will replace.
    const bool goes_on = checkpoints_->exists();
    if (!goes_on && is_finished()) return {.finished_before = true};
    const TargetFolder target(options_.out);
    StagingFolder work(options_.out);
    start_->make_student(work, recipe_.seed);
    if (!read_data(work)) return {};
    if (!train(goes_on)) return {};
    return finish(work);
  }

 private:
  const Checkpoint& student() const { return start_->student(); }
  const std::optional<Checkpoint>& teacher() const { return start_->teacher(); }
  const LabelScheme& scheme() const { return start_->scheme(); }
  fs::path cache_dir() const { return options_.cache_dir.empty() ? default_cache_dir() : options_.cache_dir; }

  /// Everything that decides the weights.
  OrderedJson make_identity() {
    const Checkpoint& source = start_->source();
    training_.start = summarize(source, source.hash(cache_dir()));
    training_.new_head = start_->new_head();
    training_.train.hash = hash_file(options_.train);
    training_.eval.hash = hash_file(options_.eval);
    OrderedJson identity;
    JsonFieldWriter writer(identity);
    fields(writer, recipe_);
    identity["version"] = std::string(version());
    identity["model"] = training_.start.hash;
    identity["teacher"] = teacher() ? teacher()->hash(cache_dir()) : "";
    identity["train"] = training_.train.hash;
    identity["eval"] = training_.eval.hash;
    identity["text_column"] = options_.rows.text_column.value_or("");
    identity["pair_column"] = options_.rows.pair_column;
    identity["label_column"] = options_.rows.label_column;
    identity["format"] = std::string(row_format_name(options_.rows.format));
    identity["delimiter"] = static_cast<int>(options_.rows.delimiter);
    Hasher hasher;
    hasher.update(identity.dump());
    training_.identity = hasher.hex();
    return identity;
  }

  /// Whether `out` has the result of this very call. Throws where it has that of another one.
  bool is_finished() const {
    const fs::path file = options_.out / kTrainingFile;
    if (options_.restart || !path_exists(file)) return false;
    const Json json = read_json_file(file);
    if (json.is_object() && json.value("identity", Json()) == training_.identity) return true;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] it has the result of a training with other settings or data. Choose another folder, "
                            "or replace it with --restart.",
                            options_.out.string()));
  }

  /// False where it was stopped.
  bool read_data(StagingFolder& work) {
    TokenizerOptions how = tokenizer_options(student(), {});
    how.count_truncated = true;
    if (recipe_.max_length > how.max_length) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[finetune] --max-length {} was given, the model reads at "
                                                           "most {} tokens.",
                                                           recipe_.max_length, how.max_length));
    }
    if (recipe_.max_length > 0) how.max_length = recipe_.max_length;
    const Tokenizer tokenizer = Tokenizer::load(student().parts().tokenizer, how);
    std::optional<TeacherReading> teachers;
    if (teacher()) teachers.emplace(*teacher(), how);
    ThreadPool pool(recipe_.threads);
    TrainingData data(scheme(), start_->labels_from());
    const auto read = [&](const fs::path& file, const char* name, const TeacherReading* reading) {
      const auto progress = listener_.progress("kB");
      return data.read(
          {file, options_.rows},
          {.tokenizer = tokenizer, .teacher = reading, .pool = pool, .place = store_place(work, name), .stop = stop_},
          *progress);
    };
    eval_ = read(options_.eval, "eval", nullptr);
    if (eval_) train_ = read(options_.train, "train", teachers ? &*teachers : nullptr);
    if (!train_) return false;
    note_data(data);
    return true;
  }

  void note_data(const TrainingData& data) {
    training_.train = train_->summary;
    training_.eval = eval_->summary;
    training_.overlap = train_->overlap;
    training_.length_relation = train_->length_relation;
    listener_.notice(fmt::format("{}: {}, {}; {}: {}.", training_.train.source, counted(training_.train.texts, "text"),
                                 counted(training_.train.tokens, "token"), training_.eval.source,
                                 counted(training_.eval.texts, "text")));
    if (data.form() == LabelForm::kNumbers) {
      listener_.notice("the files call labels by their numbers, which are taken as the model numbers them.");
    }
    for (const std::string& note : data_notes(*train_, *eval_, scheme())) listener_.notice(note);
    const std::string lengths = length_sentence(training_.length_relation, recipe_.batching);
    if (!lengths.empty()) listener_.notice(lengths);
  }

  TrainerOptions trainer_options() const {
    return {.compute_type = recipe_.compute_type,
            .threads = recipe_.threads,
            .padded = recipe_.batching == Batching::kPadded,
            .seed = recipe_.seed,
            .frozen = frozen_weights(student().network(), recipe_.freeze),
            .weight_decay = recipe_.weight_decay,
            .distillation = {.teacher = teacher() ? &*teacher() : nullptr,
                             .logits_share = recipe_.teacher_share,
                             .temperature = recipe_.temperature,
                             .hidden_weight = recipe_.hidden_weight}};
  }

  int64_t trained_parameters(const std::vector<std::string>& frozen) const {
    int64_t trained = 0;
    for_each_weight(student().network(), [&](const Weight& weight) {
      if (std::ranges::find(frozen, weight.name) != frozen.end()) return;
      int64_t size = 1;
      for (const int64_t axis : weight.shape) size *= axis;
      trained += size;
    });
    return trained;
  }

  /// False where it was stopped.
  bool train(bool goes_on) {
    const TrainerOptions how = trainer_options();
    training_.parameters = parameter_count(student().network());
    training_.trained_parameters = trained_parameters(how.frozen);
    const auto trainer = engine_.create(student(), how);
    training_.engine = fmt::format("{} {}", trainer->info().name, trainer->info().version);
    const EvaluationSet evaluation(*eval_->store, scheme(), metric_, std::max(recipe_.batch_size, kEvaluationBatch));
    TrainingProgress progress;
    if (goes_on) progress = checkpoints_->restore(*trainer);
    TrainLoop loop(
        {.recipe = recipe_,
         .texts = *train_->store,
         .scheme = scheme(),
         .label_weights = label_weights(recipe_.class_weights, options_.label_weights, scheme(), training_.train),
         .evaluation = evaluation,
         .metric = metric_,
         .checkpoints = *checkpoints_,
         .seconds_between_checkpoints = options_.seconds_between_checkpoints},
        *trainer, std::move(progress));
    training_.planned_updates = loop.length().updates;
    training_.updates_per_epoch = static_cast<double>(loop.length().updates_per_epoch);
    if (goes_on) {
      listener_.notice(fmt::format("goes on behind update {} of {}, from the checkpoint in {}.",
                                   format_count(loop.progress().updates), format_count(loop.length().updates),
                                   checkpoints_->newest().string()));
    }
    const std::optional<TrainingEnd> end = loop.run(listener_, stop_);
    training_.history = loop.progress().history;
    training_.updates = loop.progress().updates;
    if (!end) {
      listener_.notice(fmt::format("stopped behind update {} of {}: the same command goes on.",
                                   format_count(training_.updates), format_count(training_.planned_updates)));
      return false;
    }
    training_.end = *end;
    return true;
  }

  /// The resulting folder is made out of sight, evaluated as any model is, and then put in place as a whole.
  FinetuneResult finish(StagingFolder& work) {
    const fs::path folder = make_model_folder(work, "result");
    ClassifierFolder(student(), scheme()).write_trained(folder, checkpoints_->best_weights());
    EvaluateOptions how{.data = options_.eval, .rows = options_.rows, .command = options_.command, .stop = stop_};
    Deployment deployment{.model_dir = folder, .run = {}, .plan = std::nullopt};
    deployment.run.backend.threads = recipe_.threads;
    deployment.run.backend.cache_dir = cache_dir();
    const auto shown = listener_.progress("kB");
    std::optional<Evaluation> evaluation = evaluate(deployment, std::nullopt, how, *shown);
    if (!evaluation) return {};
    training_.evaluation = std::move(*evaluation);
    training_.evaluation.model.checkpoint.model_dir = absolute_path(options_.out).string();
    describe();
    FinetuneResult result{.training = training_};
    StagedFiles staged(options_.out, names_of_a_result());
    for (const std::string& name : classifier_files()) {
      if (!path_exists(folder / name)) continue;
      staged.add(name, [&](const fs::path& file) {
        if (::rename((folder / name).c_str(), file.c_str()) != 0) throw system_failure(file.native(), "writing", errno);
      });
    }
    result.remark = add_training_report(training_, staged);
    staged.commit();
    checkpoints_->remove_all();
    return result;
  }

  void describe() {
    training_.paceline_version = std::string(version());
    training_.build_id = std::string(build_id());
    training_.command = options_.command;
    training_.labels = scheme().labels;
    training_.problem_type = problem_type_name(scheme().type);
    if (teacher()) training_.teacher = teacher()->model_dir().string();
    training_.recipe = recipe_;
    training_.metric = metric_.name;
  }

  const FinetuneOptions& options_;
  TrainingRecipe recipe_;
  const TrainingEngine& engine_;
  const FinetuneListener& listener_;
  std::stop_token stop_;
  Training training_;
  std::optional<TrainingStart> start_;
  TrainingMetric metric_;
  std::optional<TrainingCheckpoints> checkpoints_;
  std::optional<TokenizedTexts> train_;
  std::optional<TokenizedTexts> eval_;
};

}  // namespace

FinetuneResult finetune(const FinetuneOptions& options, const TrainingEngine& engine, const FinetuneListener& listener,
                        std::stop_token stop) {
  return Finetuning(options, engine, listener, std::move(stop)).run();
}

}  // namespace paceline
