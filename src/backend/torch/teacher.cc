// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/teacher.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backend/torch/training_loss.h"
#include "paceline/error.h"
#include "statistics/random.h"

namespace paceline {
namespace {

void check_answers(const Checkpoint& student, const Checkpoint& teacher) {
  const auto described = [](const Checkpoint& checkpoint) {
    return fmt::format("{} with {} outputs", problem_type_name(checkpoint.problem_type()),
                       checkpoint.network().outputs);
  };
  const std::string theirs = described(teacher);
  if (teacher.has_head() && theirs == described(student)) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] The teacher is {}{}, the model that learns is {}. A teacher with the same labels was "
                          "expected.",
                          teacher.model_dir().string(), teacher.has_head() ? "" : "an encoder without a head: ", theirs,
                          described(student)));
}

/// From N(0, 1 / columns), so that what it makes is as large as what it reads.
at::Tensor random_projection(int64_t rows, int64_t columns, uint64_t seed) {
  at::Tensor values = at::empty({rows, columns}, at::kFloat);
  Random random(seed);
  float* out = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    const double length = std::sqrt(-2 * std::log(1 - random.uniform()) / static_cast<double>(columns));
    out[i] = static_cast<float>(length * std::cos(2 * std::numbers::pi * random.uniform()));
  }
  return values;
}

/// [T] or [B, S]: of each text's weight the share of each of its tokens.
at::Tensor shares_of_tokens(const ForwardInputs& inputs, const PackedBatch& batch, const at::Tensor& weights) {
  std::vector<float> of_text(static_cast<std::size_t>(batch.sequences()));
  for (int32_t i = 0; i < batch.sequences(); ++i) {
    of_text[static_cast<std::size_t>(i)] = weights.const_data_ptr<float>()[i] / static_cast<float>(batch.length(i));
  }
  at::Tensor shares = at::empty(inputs.input_ids.sizes(), at::kFloat);
  float* out = shares.mutable_data_ptr<float>();
  if (inputs.layout == nullptr) {
    const int64_t row = inputs.input_ids.size(1);
    for (int32_t i = 0; i < batch.sequences(); ++i, out += row) {
      std::fill_n(out, batch.length(i), of_text[static_cast<std::size_t>(i)]);
      std::fill(out + batch.length(i), out + row, 0.0F);
    }
    return shares;
  }
  std::vector<float> in_order(of_text.size());
  const int64_t* places = inputs.layout->places.const_data_ptr<int64_t>();
  for (std::size_t i = 0; i < of_text.size(); ++i) in_order[static_cast<std::size_t>(places[i])] = of_text[i];
  auto next = in_order.begin();
  for (const SequenceGroup& group : inputs.layout->groups) {
    for (const int64_t length : group.lengths) out = std::fill_n(out, length, *next++);
  }
  return shares;
}

}  // namespace

Teacher::Teacher(const Checkpoint& student, const TrainerOptions& options, AdamW& optimiser)
    : options_(options.distillation),
      problem_(student.problem_type()),
      forward_(*options_.teacher, at::kFloat, at::kCPU) {
  if (options_.logits_share > 0) check_answers(student, *options_.teacher);
  if (options.compute_type == "bf16-autocast") forward_.round_dense_layers();
  if (options.padded) {
    padded_inputs_.emplace(forward_.network(), at::kCPU);
  } else {
    row_inputs_.emplace(forward_.network());
  }
  const int64_t width = forward_.network().hidden_size;
  if (!reads_hidden() || width == student.network().hidden_size) return;
  projection_ = random_projection(width, student.network().hidden_size, options.seed);
  optimiser.add("projection", projection_);
}

at::Tensor Teacher::loss(const TrainingBatch& texts, const at::Tensor& logits, const std::vector<at::Tensor>& hidden,
                         const at::Tensor& weights) {
  PackedBatch batch = texts.sequences;
  batch.token_type_ids = texts.teacher_types;
  const auto numbers =
      static_cast<std::size_t>(batch.sequences()) * static_cast<std::size_t>(forward_.network().outputs);
  std::vector<at::Tensor> states;
  at::Tensor answers;
  ForwardInputs inputs = row_inputs_ ? row_inputs_->make(batch, numbers) : padded_inputs_->make(batch, numbers);
  if (padded_inputs_ && padded_inputs_->rectangular()) inputs.attention_mask = at::Tensor();
  {
    const at::NoGradGuard no_grad;
    if (reads_hidden()) inputs.hidden = &states;
    answers = forward_(inputs);
  }
  at::Tensor total;
  if (options_.logits_share > 0) {
    total = (imitation_losses(problem_, logits, answers, options_.temperature) * weights).sum() * options_.logits_share;
  }
  if (reads_hidden()) {
    const at::Tensor more = hidden_loss(hidden, states, shares_of_tokens(inputs, batch, weights));
    total = total.defined() ? total + more : more;
  }
  return total;
}

/// Each layer of the student beside that of the teacher at the same share of its depth; the mean of all.
at::Tensor Teacher::hidden_loss(const std::vector<at::Tensor>& student, const std::vector<at::Tensor>& teacher,
                                const at::Tensor& shares) const {
  at::Tensor total;
  for (std::size_t i = 0; i < student.size(); ++i) {
    const double depth = static_cast<double>((i + 1) * teacher.size()) / static_cast<double>(student.size());
    const std::size_t layer = static_cast<std::size_t>(std::max<int64_t>(std::llround(depth), 1)) - 1;
    const at::Tensor ours = student[i].to(at::kFloat);
    const at::Tensor differences =
        (projection_.defined() ? at::linear(ours, projection_) : ours) - teacher[layer].to(at::kFloat);
    const at::Tensor loss = (differences.square().mean(-1) * shares).sum();
    total = total.defined() ? total + loss : loss;
  }
  return total * (options_.hidden_weight / static_cast<double>(student.size()));
}

}  // namespace paceline
