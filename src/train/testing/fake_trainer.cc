#include "train/testing/fake_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "paceline/error.h"
#include "train/targets.h"

namespace paceline {
namespace {

constexpr float kMomentum = 0.5F;
constexpr std::string_view kMoment = "exp_avg.";

class FakeTrainer : public Trainer {
 public:
  FakeTrainer(const Checkpoint& checkpoint, const TrainerOptions& options, FakeTrainerHooks hooks)
      : hooks_(std::move(hooks)), type_(checkpoint.problem_type()) {
    const Dense& last = checkpoint.network().head.back().dense;
    columns_ = static_cast<std::size_t>(last.in);
    outputs_ = static_cast<std::size_t>(last.out);
    names_ = {last.weight.name, last.bias.name};
    for_each_weight(checkpoint.network(), [&](const Weight& weight) {
      values_[weight.name] = checkpoint.values(weight);
      shapes_[weight.name] = weight.shape;
    });
    for (const std::string& name : names_) {
      if (std::ranges::find(options.frozen, name) != options.frozen.end()) {
        throw Error(ErrorCode::kInvalidArgument, "[fake] nothing is left to train.");
      }
      moments_[name].resize(values_[name].size());
      gradients_[name].resize(values_[name].size());
    }
    info_.name = std::string("fake");
    info_.version = std::string("1");
    info_.padded = options.padded;
  }

  const BackendInfo& info() const override { return info_; }

  double accumulate(const TrainingBatch& given, double scale) override {
    TrainingBatch batch = given;
    if (hooks_.targets) hooks_.targets(updates_, batch.targets);
    double sum = 0;
    std::vector<float> logits(outputs_);
    for (int32_t b = 0; b < batch.sequences.sequences(); ++b) {
      const std::vector<float> counts = features(batch.sequences, b);
      forward(counts, logits);
      const auto targets = std::span(batch.targets).subspan(static_cast<std::size_t>(b) * outputs_, outputs_);
      const float weight = batch.weights[static_cast<std::size_t>(b)];
      sum += static_cast<double>(weight) * text_loss(type_, targets, logits);
      const std::vector<float> slope = slope_of(targets, logits);
      for (std::size_t k = 0; k < outputs_; ++k) {
        const float step = static_cast<float>(scale) * weight * slope[k];
        for (std::size_t i = 0; i < columns_; ++i) gradients_[names_[0]][k * columns_ + i] += step * counts[i];
        gradients_[names_[1]][k] += step;
      }
    }
    return hooks_.loss ? hooks_.loss(updates_, sum) : sum;
  }

  double update(double learning_rate, double max_gradient_norm) override {
    if (hooks_.before_update) hooks_.before_update(updates_);
    double squares = 0;
    for (const auto& [name, gradient] : gradients_) {
      for (const float one : gradient) squares += static_cast<double>(one) * static_cast<double>(one);
    }
    const double norm = std::sqrt(squares);
    if (!std::isfinite(norm)) return norm;
    const auto clip =
        static_cast<float>(max_gradient_norm > 0 && norm > max_gradient_norm ? max_gradient_norm / norm : 1.0);
    for (auto& [name, gradient] : gradients_) {
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        moments_[name][i] = kMomentum * moments_[name][i] + clip * gradient[i];
        values_[name][i] -= static_cast<float>(learning_rate) * moments_[name][i];
        gradient[i] = 0;
      }
    }
    ++updates_;
    for (const std::string& name : names_) {
      if (hooks_.weights) hooks_.weights(updates_, name, values_[name]);
    }
    return norm;
  }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    for (int32_t b = 0; b < batch.sequences(); ++b) {
      forward(features(batch, b), logits.subspan(static_cast<std::size_t>(b) * outputs_, outputs_));
    }
  }

  std::vector<NamedTensor> weights() const override {
    std::vector<NamedTensor> list;
    for (const auto& [name, values] : values_) list.push_back({name, view(shapes_.at(name), values)});
    return list;
  }

  std::vector<NamedTensor> state() const override {
    std::vector<NamedTensor> list;
    for (const auto& [name, values] : moments_)
      list.push_back({std::string(kMoment) + name, view(shapes_.at(name), values)});
    return list;
  }

  int64_t updates() const override { return updates_; }

  void restore(std::span<const NamedTensor> weights, std::span<const NamedTensor> state, int64_t updates) override {
    copy(weights, values_, "");
    copy(state, moments_, kMoment);
    updates_ = updates;
  }

 private:
  static TensorView view(const Shape& shape, const std::vector<float>& values) {
    return {.dtype = DType::kF32, .shape = shape, .bytes = std::as_bytes(std::span(values))};
  }
  static void copy(std::span<const NamedTensor> from, std::map<std::string, std::vector<float>>& to,
                   std::string_view prefix) {
    std::size_t found = 0;
    for (const NamedTensor& one : from) {
      const auto place = one.name.starts_with(prefix) ? to.find(one.name.substr(prefix.size())) : to.end();
      if (place == to.end() || static_cast<std::size_t>(one.tensor.elements()) != place->second.size()) {
        throw Error(ErrorCode::kCorruptData, fmt::format("[fake] {} is no tensor of this training.", one.name));
      }
      convert_to_float(one.tensor, 0, place->second);
      ++found;
    }
    if (found != to.size()) throw Error(ErrorCode::kCorruptData, "[fake] a tensor is missing.");
  }

  std::vector<float> features(const PackedBatch& batch, int32_t sequence) const {
    std::vector<float> counts(columns_);
    const auto first = static_cast<std::size_t>(batch.cu_seqlens[static_cast<std::size_t>(sequence)]);
    const auto length = static_cast<std::size_t>(batch.length(sequence));
    for (const int32_t id : std::span(batch.input_ids).subspan(first, length)) {
      counts[static_cast<std::size_t>(id) % columns_] += 1 / static_cast<float>(length);
    }
    return counts;
  }

  void forward(const std::vector<float>& counts, std::span<float> logits) const {
    const std::vector<float>& weight = values_.at(names_[0]);
    for (std::size_t k = 0; k < outputs_; ++k) {
      logits[k] = values_.at(names_[1])[k];
      for (std::size_t i = 0; i < columns_; ++i) logits[k] += weight[k * columns_ + i] * counts[i];
    }
  }

  std::vector<float> slope_of(std::span<const float> targets, std::span<const float> logits) const {
    std::vector<float> slope(outputs_);
    const auto outputs = static_cast<float>(outputs_);
    float sum = 0;
    for (const float logit : logits) sum += std::exp(logit);
    for (std::size_t k = 0; k < outputs_; ++k) {
      switch (type_) {
        case ProblemType::kSingleLabelClassification:
          slope[k] = std::exp(logits[k]) / sum - targets[k];
          break;
        case ProblemType::kMultiLabelClassification:
          slope[k] = (1 / (1 + std::exp(-logits[k])) - targets[k]) / outputs;
          break;
        case ProblemType::kRegression:
          slope[k] = 2 * (logits[k] - targets[k]) / outputs;
          break;
      }
    }
    return slope;
  }

  FakeTrainerHooks hooks_;
  ProblemType type_;
  std::size_t columns_ = 0;
  std::size_t outputs_ = 0;
  std::vector<std::string> names_;  ///< of the last dense layer
  std::map<std::string, std::vector<float>> values_, moments_, gradients_;
  std::map<std::string, Shape> shapes_;
  BackendInfo info_;
  int64_t updates_ = 0;
};

}  // namespace

std::unique_ptr<Trainer> create_fake_trainer(const Checkpoint& checkpoint, const TrainerOptions& options,
                                             FakeTrainerHooks hooks) {
  return std::make_unique<FakeTrainer>(checkpoint, options, std::move(hooks));
}

TrainingEngine fake_engine(FakeTrainerHooks hooks) {
  return {.check = [version = hooks.version] { return version; },
          .create = [hooks = std::move(hooks)](
                        const Checkpoint& checkpoint,
                        const TrainerOptions& options) { return create_fake_trainer(checkpoint, options, hooks); }};
}

}  // namespace paceline
