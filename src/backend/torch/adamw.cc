// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <optional>

namespace paceline {
namespace {

// Biases and norms stay as large as they get, as in transformers' Trainer: they are vectors, or called so.
bool decays(const TrainedTensor& tensor) {
  return tensor.values.dim() > 1 && tensor.name.find("bias") == std::string::npos;
}

}  // namespace

void AdamW::add(const std::string& name, const at::Tensor& values) {
  values.set_requires_grad(true);
  const at::NoGradGuard no_grad;
  tensors_.push_back({name, values, at::zeros_like(values), at::zeros_like(values)});
}

double AdamW::step(int64_t number, double learning_rate, double max_norm) {
  const at::NoGradGuard no_grad;
  double squares = 0;
  for (const TrainedTensor& tensor : tensors_) {
    if (!tensor.values.grad().defined()) continue;
    const double norm = at::linalg_vector_norm(tensor.values.grad(), 2).item<double>();
    squares += norm * norm;
  }
  const double norm = std::sqrt(squares);
  if (std::isfinite(norm)) {
    // The small number is that of torch.nn.utils.clip_grad_norm_.
    const double shrink = max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0;
    for (const bool decaying : {true, false}) move(decaying, number, learning_rate, shrink);
  }
  forget();
  return norm;
}

void AdamW::forget() {
  for (const TrainedTensor& tensor : tensors_) tensor.values.mutable_grad() = at::Tensor();
}

void AdamW::move(bool decaying, int64_t number, double learning_rate, double shrink) {
  std::vector<at::Tensor> values, gradients, exp_avgs, exp_avg_sqs, steps;
  for (const TrainedTensor& tensor : tensors_) {
    if (decays(tensor) != decaying || !tensor.values.grad().defined()) continue;
    values.push_back(tensor.values);
    gradients.push_back(tensor.values.grad());
    exp_avgs.push_back(tensor.exp_avg);
    exp_avg_sqs.push_back(tensor.exp_avg_sq);
    steps.push_back(at::full({}, static_cast<double>(number), at::kFloat));
  }
  if (values.empty()) return;
  std::optional<at::Tensor> scale;
  if (shrink < 1) scale = at::full({}, 1 / shrink, at::kFloat);  // gradients are divided by it
  at::_fused_adamw_(values, gradients, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps, learning_rate,
                    options_.beta1, options_.beta2, decaying ? options_.weight_decay : 0.0, options_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false, scale);
}

}  // namespace paceline
