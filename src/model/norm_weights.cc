#include "model/norm_weights.h"

#include "model/weight_check.h"

namespace paceline {

NormWeights load_norm(const LayerNorm& norm, const WeightSource& source) {
  if (!norm.exists()) return {};
  NormWeights weights{
      .scale = finite_values(source, norm.scale), .bias = {}, .epsilon = static_cast<float>(norm.epsilon)};
  if (norm.bias.exists()) weights.bias = finite_values(source, norm.bias);
  weights.bias.resize(weights.scale.size());
  return weights;
}

}  // namespace paceline
