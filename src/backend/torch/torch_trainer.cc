// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/torch_trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "backend/torch/autocast.h"
#include "backend/torch/dropout_masks.h"
#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "backend/torch/training_loss.h"
#include "base/cpu_topology.h"
#include "words/suggest.h"

namespace paceline {
namespace {

EngineCall call(std::string doing) {
  return {.doing = std::move(doing),
          .hint = "This is a bug in Paceline or in PyTorch.",
          .memory_hint = "Lower --batch-size or --max-length, or close other programs."};
}

void check_compute_type(const std::string& compute_type) {
  if (compute_type == "fp32" || compute_type == "bf16-autocast") return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[torch trainer] Compute type \"{}\" was given, expected fp32 or bf16-autocast.",
                          excerpt(compute_type)));
}

at::Tensor tensor_of(const std::vector<float>& values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

NamedTensor named(std::string name, const at::Tensor& tensor) {
  const auto count = static_cast<std::size_t>(tensor.numel());
  return {.name = std::move(name),
          .tensor = {.dtype = DType::kF32,
                     .shape = tensor.sizes().vec(),
                     .bytes = std::as_bytes(std::span(tensor.const_data_ptr<float>(), count)),
                     .file = nullptr}};
}

/// That there is one of each name, dtype and shape, and no others.
void expect_like(const std::vector<NamedTensor>& expected, std::span<const NamedTensor> given, std::string_view what) {
  const auto refuse = [&](const std::string& name, const std::string& problem) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {} {}. Begin the training again.", what, name, problem));
  };
  std::map<std::string_view, const TensorView*> left;
  for (const NamedTensor& tensor : given) left[tensor.name] = &tensor.tensor;
  for (const NamedTensor& one : expected) {
    const auto found = left.find(one.name);
    if (found == left.end()) refuse(one.name, "is missing");
    const auto described = [](const TensorView& tensor) {
      return fmt::format("{} {}", dtype_name(tensor.dtype), shape_text(tensor.shape));
    };
    const std::string is = described(*found->second);
    const std::string expects = described(one.tensor);
    if (is != expects) refuse(one.name, fmt::format("is {}, {} was expected", is, expects));
    left.erase(found);
  }
  if (!left.empty()) refuse(excerpt(left.begin()->first), "is no tensor of this training");
}

/// Fills tensors from those of the same names.
void fill(const std::vector<NamedTensor>& into, std::span<const NamedTensor> from) {
  std::map<std::string_view, const TensorView*> given;
  for (const NamedTensor& tensor : from) given[tensor.name] = &tensor.tensor;
  for (const NamedTensor& target : into) {
    auto* values = reinterpret_cast<float*>(const_cast<std::byte*>(target.tensor.bytes.data()));
    convert_to_float(*given.at(target.name), 0, {values, target.tensor.bytes.size() / sizeof(float)});
  }
}

}  // namespace

TorchTrainer::TorchTrainer(const Checkpoint& checkpoint, const TrainerOptions& options)
    : options_(options), problem_(checkpoint.problem_type()), optimiser_(options_) {
  check_compute_type(options_.compute_type);
  if (!checkpoint.has_head()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] An encoder without a head was given, a model with one was expected.",
                            checkpoint.model_dir().string()));
  }
  info_ = {.name = "torch",
           .version = std::string(torch_version()),
           .device = "cpu",
           .dtype = "fp32",
           .compute_type = options_.compute_type,
           .settings = options_.padded ? "autograd, padded" : "autograd, real tokens only",
           .padded = options_.padded,
           .threads = resolve_threads(options_.threads),
           .outputs = checkpoint.network().outputs};
  call_engine(call("loading the weights"), [&] {
    use_threads(info_.threads);
    forward_.emplace(checkpoint, at::kFloat, at::kCPU);
    add_weights();
    if (learns_from_teacher()) teacher_.emplace(checkpoint, options_, optimiser_);
  });
  if (options_.padded) {
    padded_inputs_.emplace(forward_->network(), at::kCPU);
  } else {
    row_inputs_.emplace(forward_->network());
  }
}

void TorchTrainer::add_weights() {
  std::set<std::string> frozen(options_.frozen.begin(), options_.frozen.end());
  std::set<std::string> fixed;
  for_each_weight(forward_->network(), [&](const Weight& weight) {
    if (!weight.trained) fixed.insert(weight.name);
  });
  for (const auto& [name, values] : forward_->weights()) {
    if (frozen.erase(name) == 0 && !fixed.contains(name)) optimiser_.add(name, values);
  }
  if (!frozen.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[torch trainer] The weight \"{}\" was to be frozen, and the model has none of that name.",
                            excerpt(*frozen.begin())));
  }
  if (optimiser_.tensors().empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[torch trainer] Every weight was to be frozen, and nothing is left to train.");
  }
}

void TorchTrainer::check(const TrainingBatch& batch) const {
  const auto texts = static_cast<std::size_t>(batch.sequences.sequences());
  const std::size_t targets = texts * static_cast<std::size_t>(info_.outputs);
  if (batch.targets.size() == targets && batch.weights.size() == texts) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[torch trainer] {} targets and {} weights were given for {} texts, {} and {} were expected.",
                          batch.targets.size(), batch.weights.size(), texts, targets, texts));
}

ForwardInputs TorchTrainer::inputs_of(const PackedBatch& batch, std::size_t logits_size) {
  if (row_inputs_) return row_inputs_->make(batch, logits_size);
  ForwardInputs inputs = padded_inputs_->make(batch, logits_size);
  if (padded_inputs_->rectangular()) inputs.attention_mask = at::Tensor();
  return inputs;
}

at::Tensor TorchTrainer::loss(const TrainingBatch& batch) {
  std::optional<Autocast> autocast;
  if (this->autocast()) autocast.emplace();
  DropoutMasks masks(options_.seed, updates_, passes_);
  ForwardInputs inputs = inputs_of(batch.sequences, batch.targets.size());
  std::vector<at::Tensor> hidden;
  if (options_.dropout) inputs.dropout = &masks;
  if (teacher_ && teacher_->reads_hidden()) inputs.hidden = &hidden;
  const at::Tensor logits = (*forward_)(inputs);
  const at::Tensor weights = tensor_of(batch.weights, {batch.sequences.sequences()});
  const double share = teacher_ ? 1 - options_.distillation.logits_share : 1;
  at::Tensor total;
  // A part that does not count is not computed: 0 times what is not finite would be no number.
  if (share > 0) {
    const at::Tensor targets = tensor_of(batch.targets, {batch.sequences.sequences(), info_.outputs});
    total = (label_losses(problem_, logits, targets) * weights).sum() * share;
  }
  if (!teacher_) return total;
  const at::Tensor imitation = teacher_->loss(batch, logits, hidden, weights);
  return total.defined() ? total + imitation : imitation;
}

double TorchTrainer::accumulate(const TrainingBatch& batch, double scale) {
  check(batch);
  return call_engine(call("a step of training"), [&] {
    use_threads(info_.threads);
    const at::Tensor total = loss(batch);
    ++passes_;
    (total * scale).backward();
    return total.item<double>();
  });
}

double TorchTrainer::update(double learning_rate, double max_gradient_norm) {
  return call_engine(call("a step of the optimiser"), [&] {
    use_threads(info_.threads);
    passes_ = 0;
    const double norm = optimiser_.step(updates_ + 1, learning_rate, max_gradient_norm);
    if (std::isfinite(norm)) ++updates_;
    return norm;
  });
}

void TorchTrainer::run(const PackedBatch& batch, std::span<float> logits) {
  call_engine(call("running a batch"), [&] {
    use_threads(info_.threads);
    const c10::InferenceMode inference;
    std::optional<Autocast> autocast;
    if (this->autocast()) autocast.emplace();
    copy_logits((*forward_)(inputs_of(batch, logits.size())), logits);
  });
}

std::vector<NamedTensor> TorchTrainer::weights() const {
  std::vector<NamedTensor> all;
  for (const auto& [name, values] : forward_->weights()) all.push_back(named(name, values));
  return all;
}

std::vector<NamedTensor> TorchTrainer::state() const {
  std::vector<NamedTensor> all;
  for (const TrainedTensor& tensor : optimiser_.tensors()) {
    all.push_back(named("exp_avg." + tensor.name, tensor.exp_avg));
    all.push_back(named("exp_avg_sq." + tensor.name, tensor.exp_avg_sq));
  }
  if (teacher_ && teacher_->projection().defined()) all.push_back(named("projection", teacher_->projection()));
  return all;
}

void TorchTrainer::restore(std::span<const NamedTensor> weights, std::span<const NamedTensor> state, int64_t updates) {
  expect_like(this->weights(), weights, "weights of a training");
  expect_like(this->state(), state, "state of a training");
  optimiser_.forget();
  fill(this->weights(), weights);
  fill(this->state(), state);
  updates_ = updates;
  passes_ = 0;
}

}  // namespace paceline
