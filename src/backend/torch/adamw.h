#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "backend/trainer.h"

namespace paceline {

/// A tensor that is trained, with the moments of its gradient.
struct TrainedTensor {
  std::string name;
  at::Tensor values;
  at::Tensor exp_avg{};
  at::Tensor exp_avg_sq{};
};

/// AdamW (Loshchilov, Hutter 2019) as torch.optim computes it in one fused pass. A tensor that no gradient reached
/// since the last update stays as it is, as there.
class AdamW {
 public:
  explicit AdamW(const TrainerOptions& options) : options_(options) {}

  /// With moments of zero. From now on `values` takes gradients.
  void add(const std::string& name, const at::Tensor& values);

  /// The `number`-th update, from 1 on: clips the gradients to a global norm of `max_norm` (0: does not), moves the
  /// tensors and forgets the gradients. Gives the norm before; where that is not finite, nothing moves.
  double step(int64_t number, double learning_rate, double max_norm);

  /// Forgets the gradients since the last update.
  void forget();

  const std::vector<TrainedTensor>& tensors() const { return tensors_; }

 private:
  void move(bool decays, int64_t number, double learning_rate, double shrink);

  const TrainerOptions& options_;
  std::vector<TrainedTensor> tensors_;
};

}  // namespace paceline
