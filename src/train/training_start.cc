#include "train/training_start.h"

#include <fmt/format.h>

#include "model_folder/model_folder.h"
#include "paceline/error.h"
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

}  // namespace

TrainingStart::TrainingStart(const FinetuneOptions& options)
    : options_(options),
      source_(Checkpoint::open(find_model_folder(options.model), options.checkpoint_options)),
      new_head_(options.recipe.new_head || !source_.has_head()) {
  if (!options.teacher.empty()) teacher_ = Checkpoint::open(find_model_folder(options.teacher));
}

bool TrainingStart::choose_labels(const FinetuneListener& listener, const std::stop_token& stop) {
  const std::string& given = options_.recipe.problem_type;
  const auto wanted = wanted_type(given);
  if (!new_head_) {
    scheme_ = {.type = source_.problem_type(), .labels = source_.labels()};
    if (wanted && *wanted != scheme_.type) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[{}] the model is a {}, --problem-type {} was given. --new-head replaces its head.",
                              source_.model_dir().string(), problem_type_name(scheme_.type), given));
    }
    if (teacher_) check_teacher_labels(*teacher_, scheme_);
    return true;
  }
  if (teacher_) {
    scheme_ = teacher_scheme(*teacher_);
  } else {
    labels_from_ = options_.train;
    const auto scanned = scan_labels({options_.train, options_.rows}, wanted, stop);
    if (!scanned) return false;
    scheme_ = *scanned;
  }
  listener.notice(scheme_words(scheme_));
  if (!scheme_.doubt.empty()) listener.notice(scheme_.doubt);
  return true;
}

void TrainingStart::make_student(StagingFolder& work, uint64_t seed) {
  if (!new_head_) return;
  const fs::path folder = make_model_folder(work, "start");
  ClassifierFolder(source_, scheme_).write_start(folder, seed);
  started_ = Checkpoint::open(folder);
}

fs::path make_model_folder(StagingFolder& work, const std::string& name) {
  for (const std::string& file : classifier_files()) work.place(name + "/" + file);
  return work.path() / name;
}

}  // namespace paceline
