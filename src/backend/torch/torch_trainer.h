#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "backend/torch/adamw.h"
#include "backend/torch/input_tensors.h"
#include "backend/torch/network_forward.h"
#include "backend/torch/row_inputs.h"
#include "backend/torch/teacher.h"
#include "backend/trainer.h"

namespace paceline {

/// Trains a checkpoint through PyTorch's autograd, on the pass of torch-eager-unpadded, or that of torch-eager.
class TorchTrainer : public Trainer {
 public:
  /// Throws Error.
  TorchTrainer(const Checkpoint& checkpoint, const TrainerOptions& options);

  const BackendInfo& info() const override { return info_; }
  double accumulate(const TrainingBatch& batch, double scale) override;
  double update(double learning_rate, double max_gradient_norm) override;
  void run(const PackedBatch& batch, std::span<float> logits) override;
  std::vector<NamedTensor> weights() const override;
  std::vector<NamedTensor> state() const override;
  int64_t updates() const override { return updates_; }
  void restore(std::span<const NamedTensor> weights, std::span<const NamedTensor> state, int64_t updates) override;

 private:
  void add_weights();
  void check(const TrainingBatch& batch) const;
  ForwardInputs inputs_of(const PackedBatch& batch, std::size_t logits_size);
  at::Tensor loss(const TrainingBatch& batch);
  /// A teacher of which nothing is taken is not run.
  bool learns_from_teacher() const {
    const Distillation& is = options_.distillation;
    return is.teacher != nullptr && (is.logits_share > 0 || is.hidden_weight > 0);
  }
  bool autocast() const { return info_.compute_type == "bf16-autocast"; }

  TrainerOptions options_;
  ProblemType problem_;
  BackendInfo info_;
  std::optional<NetworkForward> forward_;
  AdamW optimiser_;
  std::optional<Teacher> teacher_;
  std::optional<InputTensors> padded_inputs_;  ///< one of the two
  std::optional<RowInputs> row_inputs_;
  int64_t updates_ = 0;
  int64_t passes_ = 0;  ///< since the last update
};

}  // namespace paceline
