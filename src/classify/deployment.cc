#include "classify/deployment.h"

#include <fmt/format.h>

#include "paceline/error.h"

namespace paceline {

Deployment read_deployment(const std::filesystem::path& model) {
  Deployment deployment{.model_dir = model, .run = {}, .plan = std::nullopt};
  if (!std::filesystem::is_directory(model) && (std::filesystem::exists(model) || model.extension() == ".json")) {
    deployment.plan = read_plan(model);
    deployment.model_dir = deployment.plan->model_dir;
    deployment.run = deployment.plan->run;
  }
  return deployment;
}

Checkpoint check_deployment(const Deployment& deployment) {
  Checkpoint checkpoint = Checkpoint::open(deployment.model_dir);
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
  return checkpoint;
}

}  // namespace paceline
