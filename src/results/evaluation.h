#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "metrics/calibration.h"
#include "metrics/multi_label.h"
#include "metrics/paired.h"
#include "metrics/regression.h"
#include "metrics/single_label.h"
#include "results/results.h"

namespace paceline {

/// Everything a run of evaluate found out: what report/ turns into files and the terminal summary.

/// A model as it was run.
struct EvaluatedModel {
  CheckpointSummary checkpoint;
  std::string plan;  ///< the plan.json that said how; empty: none
  std::string backend;
  std::string compute_type;
  std::string device = "cpu";
};

/// The labelled texts.
struct LabelledData {
  std::string source;  ///< file name
  std::string label_column;
  bool labels_are_numbers = false;  ///< the file calls labels 0 to K - 1, not by their names
  int64_t texts = 0;                ///< evaluated
  int64_t rows_skipped = 0;         ///< that could not be read
  int64_t truncated_texts = 0;
  int64_t windowed_texts = 0;  ///< read in more than one window
};

/// What the answers are worth; one of the three, by the model's task.
struct TaskScores {
  std::optional<SingleLabelScores> single{};
  std::optional<MultiLabelScores> multi{};
  std::optional<RegressionScores> regression{};
};

/// A text, and how wrong its answer is.
struct WrongText {
  int64_t row = 0;        ///< of the data, from 1
  std::string text;       ///< its beginning
  std::string expected;   ///< labels or the value, in words
  std::string predicted;  ///< the same
  double loss = 0;        ///< -log of the probability of what was expected, or the squared error
};

/// Another model on the same texts.
struct EvaluatedAgainst {
  EvaluatedModel model;
  TaskScores scores;
  int64_t texts = 0;                     ///< that both answered: those that are compared
  std::optional<PairedScores> single{};  ///< this model's figures minus the other's: the other is the first
  std::optional<Score> exact{};          ///< of several labels: difference of the share with all labels right
  std::optional<Score> squared_error{};  ///< of a regression: difference of the mean squared error
};

struct Evaluation {
  static constexpr int kSchemaVersion = 1;

  std::string paceline_version;
  std::string build_id;
  std::string command;
  std::string started_at{};  ///< ISO 8601, UTC
  double seconds = 0;        ///< reading, running and scoring, all models
  EvaluatedModel model{};
  LabelledData data{};
  TaskScores scores{};
  std::vector<int64_t> confusion{};  ///< [K, K + 1] of a single label: Confusion's counts, the last column nothing
  std::optional<Calibration> calibration{};  ///< none for a regression
  std::vector<WrongText> wrong{};            ///< by falling loss
  std::optional<EvaluatedAgainst> against{};
};

}  // namespace paceline
