#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "backend/torch/adamw.h"
#include "backend/torch/input_tensors.h"
#include "backend/torch/network_forward.h"
#include "backend/torch/row_inputs.h"
#include "backend/trainer.h"

namespace paceline {

/// The model that a student learns from: its labels' logits, its hidden states, or both.
class Teacher {
 public:
  /// `padded`: whether the student's hidden states are. Adds to `optimiser` the projection from the student's width,
  /// where one is needed. Throws Error{invalid_argument} for a teacher of other labels or of another problem.
  Teacher(const Checkpoint& student, const TrainerOptions& options, AdamW& optimiser);

  /// Whether hidden states of the student are compared.
  bool reads_hidden() const { return options_.hidden_weight > 0; }

  const at::Tensor& projection() const { return projection_; }

  /// What `weights` [B] * the student's losses of imitation come to, a scalar. `hidden`: of each of the student's
  /// layers.
  at::Tensor loss(const TrainingBatch& texts, const at::Tensor& logits, const std::vector<at::Tensor>& hidden,
                  const at::Tensor& weights);

 private:
  at::Tensor hidden_loss(const std::vector<at::Tensor>& student, const std::vector<at::Tensor>& teacher,
                         const at::Tensor& shares) const;

  const Distillation& options_;
  ProblemType problem_;
  NetworkForward forward_;
  std::optional<InputTensors> padded_inputs_;  ///< one of the two
  std::optional<RowInputs> row_inputs_;
  at::Tensor projection_;  ///< [teacher's C, student's C]; undefined: of one width
};

}  // namespace paceline
