#pragma once

#include <filesystem>
#include <optional>

#include "paceline/classifier.h"
#include "plan/plan.h"
#include "plan/run_options.h"

namespace paceline {

/// What to load and how to run it: a checkpoint with the defaults, or what a plan says.
struct Deployment {
  std::filesystem::path model_dir;
  RunOptions run;
  std::optional<Plan> plan;
  std::filesystem::path plan_file{};  ///< where `plan` stands
  LabelOptions labels{};
};

/// `model` is a checkpoint's folder, its id on the hub or a plan.json. Throws as find_model_folder and read_plan do.
Deployment read_deployment(const std::filesystem::path& model);

/// Changes how a model is run where `changes` says so; a backend other than the plan's does not get the plan's file.
/// Throws Error{invalid_argument} for limits of a batch that limit nothing or are negative.
void change_run(RunOptions& run, const ClassifierOptions& changes);

/// The thresholds and class weights given replace the plan's, each kind as a whole.
void change_labels(LabelOptions& labels, const LabelOptions& changes);

/// Looks at the checkpoint before anything large is loaded, and gives it: that the backend has the compute type, that
/// it is the plan's checkpoint, as is the user's file where one is still to be run, and that it has labels to give.
/// Throws Error{invalid_argument, not_found, corrupt_data, unsupported, unavailable}.
Checkpoint check_deployment(const Deployment& deployment);

}  // namespace paceline
