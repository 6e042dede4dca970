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
#include "base/folder_lock.h"
#include "base/hash.h"
#include "base/paths.h"
#include "base/staging_folder.h"
#include "base/system_failure.h"
#include "base/temporary_name.h"
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
#include "train/result_folder.h"
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

constexpr std::string_view kThenAgain = "Move it away: the same command then writes the result.";
/// Texts that are evaluated together at least.
constexpr int32_t kEvaluationBatch = 32;

/// Throws where the training would replace what it reads.
void check_not_read(const fs::path& out, const TrainingStart& start, const fs::path& weights) {
  std::vector<fs::path> read;
  if (!weights.empty()) read.push_back(absolute_path(weights).parent_path());
  for (const Checkpoint* model : {&start.source(), start.teacher() ? &*start.teacher() : nullptr}) {
    if (model == nullptr) continue;
    const ModelParts& parts = model->parts();
    read.insert(read.end(), {model->model_dir(), parts.config, parts.tokenizer, parts.weights});
  }
  std::error_code ignored;
  for (const fs::path& folder : read) {
    if (!fs::equivalent(out, folder, ignored)) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[finetune] --out {} is the model that is read. Choose another folder.", out.string()));
  }
}

/// Where a TokenStore is made, whose files a signal finds.
fs::path store_place(StagingFolder& work, const std::string& name) {
  for (const char* ending : TokenStoreWriter::kEndings) work.place(name + ending);
  return work.path() / name;
}

/// What `read` gives, and nothing where it was stopped: a reader takes that for the end of an empty file.
template <class Read>
auto unless_stopped(const std::stop_token& stop, const Read& read) -> decltype(read()) {
  try {
    return read();
  } catch (const Error&) {
    if (!stop.stop_requested()) throw;
    return {};
  }
}

int64_t trained_parameters(const Network& network, const std::vector<std::string>& frozen) {
  int64_t trained = 0;
  for_each_weight(network, [&](const Weight& weight) {
    if (std::ranges::find(frozen, weight.name) != frozen.end()) return;
    int64_t size = 1;
    for (const int64_t axis : weight.shape) size *= axis;
    trained += size;
  });
  return trained;
}

/// One call of finetune: each member stands on those before.
class Finetuning {
 public:
  Finetuning(const FinetuneOptions& options, const TrainingEngine& engine, const FinetuneListener& listener,
             std::stop_token stop)
      : options_(options), recipe_(options.recipe), engine_(engine), listener_(listener), stop_(std::move(stop)) {}

  FinetuneResult run() {
    training_.engine = engine_.check();
    start_.emplace(options_);
    check_not_read(options_.out, *start_, options_.checkpoint_options.file);
    const TargetFolder target(options_.out);
    const FolderLock lock(options_.out,
                          "another paceline finetune is at work in it. Wait for it, or choose another "
                          "--out.");
    remove_abandoned(options_.out);
    checkpoints_.emplace(options_.out);
    result_.emplace(options_.out, *checkpoints_);
    result_->check_names();
    training_.started_at = utc_now();
    recipe_.threads = resolve_threads(recipe_.threads);
    for (const std::string& notice : start_->source().notices()) listener_.notice(notice + ".");
    if (!unless_stopped(stop_, [&] { return start_->choose_labels(listener_, stop_); })) return {};
    metric_ = find_metric(recipe_.metric, scheme().type);
    checkpoints_->set_identity(make_identity());
    // One that was begun with --restart goes on beside the result that it will replace.
    const bool goes_on = !options_.restart && !result_->is_in_place() && checkpoints_->exists();
    if (!goes_on && is_finished()) return {.finished_before = true};
    result_->check();
    StagingFolder work(options_.out);
    start_->make_student(work, recipe_.seed);
    if (!unless_stopped(stop_, [&] { return read_data(work); })) return {};
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
    identity["engine"] = training_.engine;
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

  /// Whether `out` has the result of this very call. Throws where it has that of another one, or a damaged model.
  bool is_finished() const {
    if (options_.restart || result_->identity().empty()) return false;
    if (result_->identity() != training_.identity) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("[{}] it has the result of a training with other settings or data. Choose another folder, "
                      "or replace it with --restart.",
                      options_.out.string()));
    }
    result_->check_model();
    checkpoints_->remove_all();
    return true;
  }

  /// False where it was stopped.
  bool read_data(StagingFolder& work) {
    TokenizerOptions how = tokenizer_options(student(), {});
    how.count_truncated = true;
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

  /// False where it was stopped.
  bool train(bool goes_on) {
    const TrainerOptions how = trainer_options();
    training_.parameters = parameter_count(student().network());
    training_.trained_parameters = trained_parameters(student().network(), how.frozen);
    const auto trainer = engine_.create(student(), how);
    const EvaluationSet evaluation(*eval_->store, scheme(), metric_, std::max(recipe_.batch_size, kEvaluationBatch));
    TrainingProgress progress;
    if (goes_on) {
      progress = checkpoints_->restore(*trainer, TrainingLength(train_->store->texts(), recipe_).updates);
    } else {
      checkpoints_->remove_all();
    }
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
      note_stop(loop.saved_updates());
      return false;
    }
    training_.end = *end;
    return true;
  }

  void note_stop(int64_t saved_updates) const {
    listener_.notice(fmt::format("stopped: the same command{} goes on behind update {} of {}.",
                                 options_.restart && saved_updates > 0 ? " without --restart" : "",
                                 format_count(saved_updates), format_count(training_.planned_updates)));
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
    std::optional<Evaluation> evaluation =
        unless_stopped(stop_, [&] { return evaluate(deployment, std::nullopt, how, *shown); });
    if (!evaluation) {
      note_stop(training_.updates);
      return {};
    }
    training_.evaluation = std::move(*evaluation);
    training_.evaluation.model.checkpoint.model_dir = absolute_path(options_.out).string();
    describe();
    FinetuneResult result;
    StagedFiles staged(options_.out, result_files());
    for (const std::string& name : classifier_files()) {
      if (!path_exists(folder / name)) continue;
      staged.add(name, [&](const fs::path& file) {
        if (::rename((folder / name).c_str(), file.c_str()) != 0) throw system_failure(file.native(), "writing", errno);
      });
    }
    result.remark = add_training_report(training_, staged);
    result.training = training_;
    result_->announce(staged.hashes());
    result_->check(kThenAgain);
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
  std::optional<ResultFolder> result_;
  std::optional<TokenizedTexts> train_;
  std::optional<TokenizedTexts> eval_;
};

}  // namespace

FinetuneResult finetune(const FinetuneOptions& options, const TrainingEngine& engine, const FinetuneListener& listener,
                        std::stop_token stop) {
  return Finetuning(options, engine, listener, std::move(stop)).run();
}

}  // namespace paceline
