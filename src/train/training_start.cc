#include "train/training_start.h"

#include <fmt/format.h>

#include "model/weight_check.h"
#include "model_folder/model_folder.h"
#include "paceline/error.h"
#include "plan/run_options.h"
#include "tokenize/tokenizer.h"
#include "train/label_weights.h"
#include "train/starting_folder.h"
#include "train/teacher.h"
#include "train/training_data.h"
#include "words/counted.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

std::optional<ProblemType> wanted_type(const std::string& name) {
  for (const ProblemType type :
       {ProblemType::kSingleLabelClassification, ProblemType::kMultiLabelClassification, ProblemType::kRegression}) {
    if (problem_type_name(type) == name) return type;
  }
  return std::nullopt;
}

std::string scheme_words(const LabelScheme& scheme) {
  const bool regression = scheme.type == ProblemType::kRegression;
  return fmt::format("a new head is learnt for {}, a {}{}{}.",
                     counted(static_cast<int64_t>(scheme.labels.size()), regression ? "value" : "label"),
                     problem_type_name(scheme.type), scheme.reason.empty() ? "" : ": ", scheme.reason);
}

void check_max_length(int32_t given, bool pairs, const Checkpoint& model) {
  if (given == 0) return;
  const TokenizerOptions how = tokenizer_options(model, {});
  if (given > how.max_length) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("[finetune] --max-length {} was given, the model reads at most {} tokens.", given, how.max_length));
  }
  const int32_t special = Tokenizer::load(model.parts().tokenizer, how).special_tokens(pairs);
  if (given > special) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[finetune] --max-length {} was given, expected more than the {} special tokens of a {}.",
                          given, special, pairs ? "pair" : "text"));
}

void check_weights(const Checkpoint& model, const std::string& opening) {
  for_each_weight(model.network(), [&](const Weight& weight) { check_weight(weight, model.tensor(weight), opening); });
}

}  // namespace

TrainingStart::TrainingStart(const FinetuneOptions& options)
    : options_(options),
      source_(Checkpoint::open(find_model_folder(options.model), options.checkpoint_options)),
      new_head_(options.recipe.new_head || !source_.has_head()) {
  if (!options.teacher.empty()) teacher_ = Checkpoint::open(find_model_folder(options.teacher));
  for (const fs::path& file : {options.train, options.eval}) check_rereadable(file);
  static_cast<void>(frozen_weights(source_.network(), options.recipe.freeze));
  check_max_length(options.recipe.max_length, !options.rows.pair_column.empty(), source_);
}

bool TrainingStart::choose_labels(const FinetuneListener& listener, const std::stop_token& stop) {
  if (!find_scheme(stop)) return false;
  check_label_weights(options_.recipe.class_weights, options_.label_weights, scheme_);
  if (new_head_) listener.notice(scheme_words(scheme_));
  if (!scheme_.doubt.empty()) listener.notice(scheme_.doubt);
  return true;
}

bool TrainingStart::find_scheme(const std::stop_token& stop) {
  if (!new_head_) {
    scheme_ = {.type = source_.problem_type(), .labels = source_.labels()};
    check_type(source_, "--new-head replaces its head.");
    if (teacher_) check_teacher_labels(*teacher_, scheme_);
    return true;
  }
  if (teacher_) {
    scheme_ = teacher_scheme(*teacher_);
    check_type(*teacher_, "It is the teacher: leave the type out, or choose another teacher.");
    return true;
  }
  labels_from_ = options_.train;
  const auto scanned = scan_labels({options_.train, options_.rows}, wanted_type(options_.recipe.problem_type), stop);
  if (scanned) scheme_ = *scanned;
  return scanned.has_value();
}

/// Throws where another type was asked for than that of the model whose labels are learnt.
void TrainingStart::check_type(const Checkpoint& labelled, std::string_view hint) const {
  const std::string& given = options_.recipe.problem_type;
  if (wanted_type(given).value_or(scheme_.type) == scheme_.type) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] the model is a {}, --problem-type {} was given. {}", labelled.model_dir().string(),
                          problem_type_name(scheme_.type), given, hint));
}

void TrainingStart::make_student(StagingFolder& work, uint64_t seed) {
  if (teacher_) check_weights(*teacher_, fmt::format("[{}] the teacher's", teacher_->model_dir().string()));
  if (!new_head_) return check_weights(source_, fmt::format("[{}]", source_.model_dir().string()));
  const fs::path folder = make_model_folder(work, "start");
  ClassifierFolder(source_, scheme_).write_start(folder, seed);
  started_ = Checkpoint::open(folder);
}

fs::path make_model_folder(StagingFolder& work, const std::string& name) {
  for (const std::string& file : classifier_files()) work.place(name + "/" + file);
  return work.path() / name;
}

}  // namespace paceline
