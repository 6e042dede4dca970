// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/training_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/log_softmax.h>

namespace paceline {

at::Tensor label_losses(ProblemType type, const at::Tensor& logits, const at::Tensor& targets) {
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      return -(targets * at::log_softmax(logits, -1)).sum(-1);
    case ProblemType::kMultiLabelClassification:
      return at::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None).mean(-1);
    case ProblemType::kRegression:
      break;
  }
  return (logits - targets).square().mean(-1);
}

at::Tensor imitation_losses(ProblemType type, const at::Tensor& logits, const at::Tensor& teacher, double temperature) {
  const at::Tensor ours = logits / temperature;
  const at::Tensor theirs = teacher / temperature;
  const double scale = temperature * temperature;
  switch (type) {
    case ProblemType::kSingleLabelClassification: {
      const at::Tensor wanted = at::log_softmax(theirs, -1);
      return (wanted.exp() * (wanted - at::log_softmax(ours, -1))).sum(-1) * scale;
    }
    case ProblemType::kMultiLabelClassification: {
      const auto part = [](const at::Tensor& wanted, const at::Tensor& given) {
        return wanted.exp() * (wanted - given);
      };
      return (part(at::log_sigmoid(theirs), at::log_sigmoid(ours)) +
              part(at::log_sigmoid(-theirs), at::log_sigmoid(-ours)))
                 .mean(-1) *
             scale;
    }
    case ProblemType::kRegression:
      break;
  }
  return label_losses(ProblemType::kRegression, logits, teacher);
}

}  // namespace paceline
