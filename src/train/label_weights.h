#pragma once

#include <map>
#include <string>
#include <vector>

#include "results/training.h"
#include "train/label_scan.h"

namespace paceline {

/// Throws Error{invalid_argument} where --class-weights, `given`, does not fit the labels: for one that is not there,
/// or a task without one label a text.
void check_label_weights(const std::string& given, const std::map<std::string, float>& by_label,
                         const LabelScheme& scheme);

/// How much a text of each label counts: `given` as --class-weights has it. "balanced": so that all labels count alike,
/// N / (K * texts of the label), as scikit-learn has it. Otherwise `by_label`, 1 for a label that is not named. Empty
/// where nothing was given. Throws as check_label_weights.
std::vector<float> label_weights(const std::string& given, const std::map<std::string, float>& by_label,
                                 const LabelScheme& scheme, const TrainingSplit& train);

}  // namespace paceline
