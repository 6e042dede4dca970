#include "results/checkpoint_summary.h"

#include "base/paths.h"

namespace paceline {

CheckpointSummary summarize(const Checkpoint& checkpoint, const std::string& hash) {
  CheckpointSummary summary;
  summary.model_dir = absolute_path(checkpoint.model_dir()).string();
  summary.options = checkpoint.options();
  summary.hash = hash;
  summary.architecture = checkpoint.network().architecture;
  summary.dtype = dtype_name(checkpoint.dtype());
  summary.parameters = parameter_count(checkpoint.network());
  summary.random_weights = checkpoint.random_weights();
  summary.labels = checkpoint.labels();
  if (checkpoint.has_head()) summary.problem_type = problem_type_name(checkpoint.problem_type());
  return summary;
}

}  // namespace paceline
