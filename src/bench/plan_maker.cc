#include "bench/plan_maker.h"
#include "bench/bench.h"
#include "bench/contender.h"
#include "results/lookup.h"

namespace paceline {

RunOptions chosen_run(const BenchResults& results, const std::filesystem::path& cache_dir) {
  const Configuration& choice = results.recommendation.choice;
  RunOptions run;
  run.checkpoint_options = results.checkpoint.options;
  run.long_texts = results.workload.long_texts;
  run.instances = choice.instances;
  run.limits.batch_size = choice.batch_size;
  run.limits.max_batch_tokens = choice.max_batch_tokens;
  run.limits.order = choice.order;
  for (const BackendResult& backend : results.backends) {
    if (!runs(backend, choice)) continue;
    run.backend = backend_options(backend, cache_dir);
    run.limits.padded = backend.padded;
  }
  return run;
}

std::optional<Plan> make_plan(const BenchResults& results, const LabelOptions& labels) {
  const Recommendation& recommendation = results.recommendation;
  if (!recommendation.valid) return std::nullopt;
  const Configuration& choice = recommendation.choice;
  Plan plan;
  plan.model_dir = results.checkpoint.model_dir;
  plan.run = chosen_run(results, {});
  plan.label_options = labels;
  plan.checkpoint_hash = results.checkpoint.hash;
  plan.random_weights = results.checkpoint.random_weights;
  plan.labels = results.checkpoint.labels;
  plan.problem_type = results.checkpoint.problem_type;
  plan.cpu = results.machine.cpu;
  plan.objective = recommendation.objective;
  plan.outcome = recommendation.runner_up ? lead_name(recommendation.outcome) : "";
  plan.reason = recommendation.reason;
  for (const BackendResult& backend : results.backends) {
    if (runs(backend, choice)) plan.backend_version = backend.version;
  }
  if (!plan.run.backend.file.empty()) plan.file_hash = hash_user_file(plan.run.backend);
  for (const CellResult& cell : results.cells) {
    if (!(cell.configuration == choice)) continue;
    plan.ms_per_text = cell.ms_per_text.median;
    plan.texts_per_second = cell.texts_per_second;
    plan.texts_per_second_low = 1e3 / cell.ms_per_text.high;
    plan.texts_per_second_high = 1e3 / cell.ms_per_text.low;
  }
  return plan;
}

}  // namespace paceline
