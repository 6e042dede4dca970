#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "classify/text_pipeline.h"

namespace paceline {

/// plan.json: the chosen configuration and its evidence. bench writes it, classify (later serve) obeys it.
struct Plan {
  static constexpr int kSchemaVersion = 1;

  std::filesystem::path model_dir;  ///< as bench saw it, absolute
  std::string checkpoint_hash;
  bool random_weights = false;
  RunOptions run;  ///< backend, compute type, threads, order, batch limits, window
  std::string backend_version;
  std::string cpu;        ///< the machine it was measured on; another one is a warning
  std::string objective;  ///< "throughput" or "latency"
  double texts_per_second = 0, texts_per_second_low = 0, texts_per_second_high = 0;
  double ms_per_text = 0;
  std::string outcome;  ///< against the runner-up: "faster", "equal", "unresolved"; empty without one
  std::string reason;   ///< the recommendation in words
};

/// Throws Error{resource_exhausted}.
void write_plan(const Plan& plan, const std::filesystem::path& file);

/// A relative model_dir is taken from the plan's own folder.
/// Throws Error{not_found, corrupt_data, unsupported} (a newer schema).
Plan read_plan(const std::filesystem::path& file);

/// Throws Error{corrupt_data} where the checkpoint is not the one that the plan was measured on; names both hashes.
void check_plan_checkpoint(const Plan& plan, const Checkpoint& checkpoint, const std::filesystem::path& cache_dir);

}  // namespace paceline
