#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/evaluation.h"

namespace paceline {

/// What terminal and page say of an evaluation alike.

/// A figure in words: its name, its value and its interval.
struct NamedScore {
  std::string name;
  std::string value;     ///< "91.2 %", "0.871"
  std::string interval;  ///< "90.1 to 92.2 %"; empty: none, as drawing the texts again changes nothing
};

/// The figures of the model's task, the most important first.
std::vector<NamedScore> named_scores(const TaskScores& scores);

/// The labels' counts; null for a regression.
const std::vector<LabelCounts>* labels_of(const TaskScores& scores);
/// Numbers of labels, those that most texts have first.
std::vector<std::size_t> labels_by_frequency(const std::vector<LabelCounts>& labels);

/// "model-dir, native fp32"
std::string model_words(const EvaluatedModel& model);

/// What the plan or flags asked for beside that: "threshold 0.3; class weights 2 for spam"; empty: nothing.
std::string settings_words(const EvaluatedModel& model);

/// Whether the data were read as the user meant them, and what was left out: a sentence each.
std::vector<std::string> data_sentences(const LabelledData& data);

/// Labels that no text has, or a single one: a sentence each.
std::vector<std::string> label_sentences(const Evaluation& evaluation);

/// What is said of the probabilities; empty for a regression.
std::string calibration_sentence(const Evaluation& evaluation);

/// The difference to the other model, a sentence each; empty without one.
std::vector<std::string> against_sentences(const Evaluation& evaluation);

}  // namespace paceline
