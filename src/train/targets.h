#pragma once

#include <span>
#include <vector>

#include "evaluate/expected_labels.h"
#include "train/label_scan.h"

namespace paceline {

/// Appends what a TrainingBatch says of one text, [K]: 1 for the labels that it has and 0 for others, or the value of a
/// regression.
void append_targets(const Expected& expected, const LabelScheme& scheme, std::vector<float>& targets);

/// The loss that transformers computes for one text; `targets` [K] as append_targets makes them.
double text_loss(ProblemType type, std::span<const float> targets, std::span<const float> logits);

}  // namespace paceline
