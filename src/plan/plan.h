#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "plan/run_options.h"

namespace paceline {

/// plan.json: the chosen configuration and its evidence. bench writes it, classify (later serve) obeys it.
struct Plan {
  static constexpr int kSchemaVersion = 2;  ///< 2: labels, problem_type, thresholds, class weights, long texts

  std::filesystem::path model_dir;  ///< as bench saw it, absolute
  std::string checkpoint_hash;
  bool random_weights = false;
  std::vector<std::string> labels{};  ///< the checkpoint's, in their order; empty in plans of schema 1
  std::string problem_type{};         ///< likewise
  LabelOptions label_options{};       ///< given to bench
  RunOptions run;           ///< backend, its file, compute type, threads, instances, order, batch limits, window
  std::string file_hash{};  ///< of run.backend.file, where that is set
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

/// A relative model_dir, weights or file is taken from the plan's own folder. Fields that older plans lack have their
/// defaults; a key that no plan has is refused, so a new one is a new schema. Throws Error{not_found, corrupt_data,
/// unsupported} (a newer schema).
Plan read_plan(const std::filesystem::path& file);
/// The same from the text of a plan that stands in `file`, which is not opened.
Plan plan_from_json(std::string_view text, const std::filesystem::path& file);

/// Throws Error{corrupt_data} where the checkpoint is not the one that the plan was measured on: other labels, another
/// problem type, or another hash; names both.
void check_plan_checkpoint(const Plan& plan, const Checkpoint& checkpoint, const std::filesystem::path& cache_dir);

/// What a plan stores of the user's own export, backend.file, so that another one is not mistaken for it: the content
/// of the file and, for ONNX, of every file in which it keeps weights. Throws Error{not_found, corrupt_data}.
std::string hash_user_file(const BackendOptions& backend);

/// Throws Error{not_found} where the user's file that the plan was measured with is gone, corrupt_data where it is
/// another one; names both hashes.
void check_plan_file(const Plan& plan);

}  // namespace paceline
