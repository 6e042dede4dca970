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
  LabelOptions labels{};  ///< thresholds and class weights; of several labels per text there is always a threshold
  LongTextOptions long_texts{};
};

/// Rows without an answer, for one reason.
struct SkippedRows {
  std::string reason;  ///< "no label"
  int64_t rows = 0;
  std::string first;  ///< what there is to say of the first
};

/// The labelled texts.
struct LabelledData {
  std::string source;  ///< file name
  std::string label_column;
  std::string labels_are{};  ///< how the file says them: one of the four below; empty where no text has a label
  int64_t texts = 0;         ///< evaluated
  std::vector<SkippedRows> skipped{};
  int64_t empty_texts = 0;  ///< evaluated, though they hold nothing but blanks
  int64_t truncated_texts = 0;
  int64_t windowed_texts = 0;  ///< read in more than one window

  static constexpr const char* kNames = "names";        ///< the model's
  static constexpr const char* kNumbers = "numbers";    ///< 0 to K - 1
  static constexpr const char* kYesOrNo = "yes or no";  ///< of each label, in a list
  static constexpr const char* kValues = "values";      ///< of a regression

  int64_t rows_skipped() const {
    int64_t rows = 0;
    for (const SkippedRows& one : skipped) rows += one.rows;
    return rows;
  }
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
  std::string pair{};     ///< the beginning of the second text, where there are pairs
  std::string expected;   ///< labels or the value, in words
  std::string predicted;  ///< the same
  double loss = 0;        ///< -log of the probability of what was expected (of every label), or the squared error
};

/// Another model on the same texts.
struct EvaluatedAgainst {
  EvaluatedModel model;
  TaskScores scores;
  int64_t texts = 0;                         ///< that both answered: those that are compared
  std::optional<PairedScores> single{};      ///< this model's figures minus the other's: the other is the first
  std::optional<PairedMultiScores> multi{};  ///< the same of several labels
  std::optional<Score> squared_error{};      ///< of a regression: difference of the mean squared error
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
  std::vector<ConfusionCell> confusion{};    ///< of a single label, as count_confusion
  std::optional<Calibration> calibration{};  ///< none for a regression
  std::vector<WrongText> wrong{};            ///< by falling loss
  std::optional<EvaluatedAgainst> against{};
};

}  // namespace paceline
