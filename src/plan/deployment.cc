#include "plan/deployment.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "answer/predict.h"
#include "backend/registry.h"
#include "base/cache_folder.h"
#include "base/file.h"
#include "base/paths.h"
#include "model_folder/model_folder.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// Refuses a file of a model folder, which is no plan.
void refuse_model_file(const std::filesystem::path& given) {
  constexpr std::size_t kStartBytes = std::size_t{1} << 20;
  const std::filesystem::path folder = given.has_parent_path() ? given.parent_path() : ".";
  if (!path_exists(folder / "config.json")) return;
  const MappedFile file = MappedFile::open(given);
  std::string start(std::min(kStartBytes, file.bytes().size()), '\0');
  file.copy(0, std::as_writable_bytes(std::span(start)));
  if (start.find("\"schema_version\"") != std::string::npos) return;
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("[plan] {} is no plan.json of bench. It stands in a model folder: name that, {}.",
                          given.string(), folder.string())};
}

/// Refuses the folder that bench wrote, and what else stands in it beside the plan.
void refuse_report(const std::filesystem::path& given, PathKind kind) {
  const bool whole = kind == PathKind::kFolder;
  const std::filesystem::path folder = whole ? given : given.parent_path();
  const bool is_other =
      whole ? !path_exists(given / "config.json") : given.extension() != ".json" || given.filename() == "report.json";
  if (!is_other || !path_exists(folder / "report.json") || !path_exists(folder / "plan.json")) return;
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("[plan] {} is {} of bench. Name its plan: {}.", given.string(),
                          whole ? "a report" : "a file of a report", (folder / "plan.json").string())};
}

/// The plan's own labels, whatever was given instead: nobody means a threshold that no label can have.
void check_plan_labels(const Deployment& deployment, const Checkpoint& checkpoint) {
  try {
    resolve_labels(deployment.plan->label_options, checkpoint.labels(), checkpoint.problem_type(),
                   deployment.plan_file.string());
  } catch (const Error& error) {
    throw Error{ErrorCode::kCorruptData, error.what()};
  }
}

/// What a flag names wrongly is its user's mistake, what the plan names wrongly the plan's.
void check_backend(const Deployment& deployment) {
  const BackendOptions& run = deployment.run.backend;
  try {
    check_compute_type(run);
  } catch (const Error& error) {
    const bool planned = deployment.plan && deployment.plan->run.backend.name == run.name &&
                         deployment.plan->run.backend.compute_type == run.compute_type;
    if (!planned || error.code() != ErrorCode::kInvalidArgument) throw;
    const std::string_view what = error.what();
    throw Error{ErrorCode::kCorruptData, fmt::format("[{}, {}", deployment.plan_file.string(), what.substr(1))};
  }
}

}  // namespace

Deployment read_deployment(const std::filesystem::path& model) {
  Deployment deployment{.model_dir = model, .run = {}, .plan = std::nullopt};
  const PathKind kind = path_kind(model);
  const bool there = kind != PathKind::kNothing;
  if (there) refuse_report(model, kind);
  if (kind != PathKind::kFolder && (there || model.extension() == ".json")) {
    if (kind == PathKind::kFile) refuse_model_file(model);
    deployment.plan = read_plan(model);
    deployment.plan_file = model;
    deployment.model_dir = deployment.plan->model_dir;
    deployment.run = deployment.plan->run;
    deployment.labels = deployment.plan->label_options;
  } else {
    deployment.model_dir = find_model_folder(model);
  }
  return deployment;
}

void change_run(RunOptions& run, const ClassifierOptions& changes) {
  if (!changes.backend.empty() && changes.backend != run.backend.name) {
    run.backend.name = changes.backend;
    run.backend.file.clear();  // the plan's file is of the plan's backend
  }
  if (!changes.compute_type.empty()) run.backend.compute_type = changes.compute_type;
  if (!changes.file.empty()) run.backend.file = changes.file;
  if (!changes.weights.empty()) run.checkpoint_options.file = changes.weights;
  if (!changes.prefix.empty()) run.checkpoint_options.prefix = changes.prefix;
  if (!changes.base.empty()) run.checkpoint_options.base = changes.base;
  if (changes.token_types) run.checkpoint_options.token_types = *changes.token_types;
  if (changes.threads) run.backend.threads = *changes.threads;
  if (changes.instances) run.instances = *changes.instances;
  if (changes.batch_size || changes.max_batch_tokens) {
    run.limits.batch_size = changes.batch_size.value_or(0);
    run.limits.max_batch_tokens = changes.max_batch_tokens.value_or(0);
    if (std::min(run.limits.batch_size, run.limits.max_batch_tokens) < 0 ||
        std::max(run.limits.batch_size, run.limits.max_batch_tokens) == 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[classifier] batch_size {} and max_batch_tokens {} were given, none may be negative and "
                              "one has to limit a batch.",
                              run.limits.batch_size, run.limits.max_batch_tokens));
    }
  }
  run.backend.cache_dir = changes.cache_dir;
  if (changes.long_texts) run.long_texts = changes.long_texts;
}

void change_labels(LabelOptions& labels, const LabelOptions& changes) {
  if (changes.has_threshold()) {
    labels.threshold = changes.threshold;
    labels.label_thresholds = changes.label_thresholds;
  }
  if (!changes.class_weights.empty()) labels.class_weights = changes.class_weights;
}

Checkpoint check_deployment(const Deployment& deployment) {
  check_backend(deployment);
  Checkpoint checkpoint = Checkpoint::open(deployment.model_dir, deployment.run.checkpoint_options);
  if (deployment.plan) {
    const std::filesystem::path& cache_dir = deployment.run.backend.cache_dir;
    check_plan_checkpoint(*deployment.plan, checkpoint, cache_dir.empty() ? default_cache_dir() : cache_dir);
    if (deployment.run.backend.file == deployment.plan->run.backend.file) check_plan_file(*deployment.plan);
  }
  if (!checkpoint.has_head()) {
    throw Error{ErrorCode::kUnsupported,
                fmt::format("[{}] this is an encoder without a classification head, which has no labels to give. Use a "
                            "checkpoint of a ...ForSequenceClassification model.",
                            deployment.model_dir.string())};
  }
  if (deployment.plan) check_plan_labels(deployment, checkpoint);
  return checkpoint;
}

}  // namespace paceline
