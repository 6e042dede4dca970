#pragma once

#include <ATen/core/Tensor.h>

#include "checkpoint/checkpoint.h"

namespace paceline {

/// The loss of each text, [B], as transformers computes it for the problem type: cross-entropy with a distribution over
/// the labels, the mean of binary cross-entropies, the mean of squared differences. All [B, K].
at::Tensor label_losses(ProblemType type, const at::Tensor& logits, const at::Tensor& targets);

/// How far each text's probabilities are from the teacher's, [B]: temperature^2 * KL(teacher || student), both at
/// `temperature`; of several labels the mean over their two probabilities each; of a regression the mean of squared
/// differences, whatever the temperature.
at::Tensor imitation_losses(ProblemType type, const at::Tensor& logits, const at::Tensor& teacher, double temperature);

}  // namespace paceline
