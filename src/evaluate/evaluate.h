#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "plan/deployment.h"
#include "results/evaluation.h"
#include "rows/row_reader.h"

namespace paceline {

inline constexpr const char* kDefaultLabelColumn = "label";

struct EvaluateOptions {
  std::filesystem::path data;
  RowReaderOptions rows{.label_column = kDefaultLabelColumn};
  std::string command{};  ///< as typed
  std::stop_token stop{};
  std::function<void(const Checkpoint&)> opened{};  ///< told of each model before it is loaded; may be empty
  std::function<void(const std::string&)>
      notice{};  ///< what the reader of the data guessed, and the like; may be empty
};

/// Runs a model on labelled texts and scores its answers, as classify would give them: with the plan's thresholds,
/// class weights, windows and backend. A model with several labels per text and no threshold gives those of at least
/// 0.5. With `against`, that one is run on the same texts, too. A row without what an answer or its score needs is left
/// out and counted.
///
/// Throws Error: what the reader, the checkpoint and the backend throw; corrupt_data for a label that the model lacks
/// (of a file, before a model is loaded) and for data without a text; invalid_argument where the two models have
/// different labels, and without a label column. None where it was stopped.
std::optional<Evaluation> evaluate(const Deployment& deployment, const std::optional<Deployment>& against,
                                   const EvaluateOptions& options, Progress& progress);

}  // namespace paceline
