#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results/training.h"

namespace paceline {

/// What page, model card and terminal say of a training alike.

/// "accuracy", "macro-F1", "mean squared error": as the figures of an evaluation are called.
std::string metric_words(std::string_view metric);

/// "accuracy 91.2 % (95 % interval 90.1 to 92.2 %)"
std::string metric_value_words(std::string_view metric, const EvaluationPoint& point);

/// The evaluation whose weights are kept.
const EvaluationPoint& best_evaluation(const Training& training);

/// What was learnt, for how long and which weights are kept, a sentence each.
std::vector<std::string> training_sentences(const Training& training);

/// What was notable of the data, a sentence each.
std::vector<std::string> training_data_sentences(const Training& training);

/// How it was done: name and value of everything that decides the weights.
struct RecipeLine {
  std::string name, value;
};
std::vector<RecipeLine> recipe_lines(const Training& training);

}  // namespace paceline
