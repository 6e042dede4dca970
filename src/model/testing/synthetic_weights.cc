#include "model/testing/synthetic_weights.h"

#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <utility>

namespace paceline {

Weight SyntheticWeights::add(const std::string& name, Shape shape, float centre, float spread) {
  Stored& stored = tensors_[name];
  stored.view.shape = shape;
  stored.values.resize(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
  // Marsaglia's xorshift: the filling of 110M weights has to be quick, not good.
  for (float& value : stored.values) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    value = centre + spread * (static_cast<float>(random_ >> 40) / static_cast<float>(1 << 23) - 1.0F);
  }
  stored.view.bytes = std::as_bytes(std::span(stored.values));
  return {name, std::move(shape)};
}

Dense SyntheticWeights::add_dense(const std::string& name, int32_t in, int32_t out) {
  // Uniform in +-sqrt(3 / in): outputs of unit variance for inputs of unit variance.
  const float spread = std::sqrt(3.0F / static_cast<float>(in));
  return {.weight = add(name + ".weight", {out, in}, 0, spread),
          .bias = add(name + ".bias", {out}, 0, 0.2F),
          .in = in,
          .out = out};
}

LayerNorm SyntheticWeights::add_norm(const std::string& name, int32_t width) {
  return {
      .scale = add(name + ".scale", {width}, 1, 0.2F), .bias = add(name + ".bias", {width}, 0, 0.2F), .epsilon = 1e-5};
}

WeightSource SyntheticWeights::source() const {
  return [this](const Weight& weight) -> const TensorView& { return tensors_.at(weight.name).view; };
}

}  // namespace paceline
