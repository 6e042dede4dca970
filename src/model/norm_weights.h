#pragma once

#include <cstddef>
#include <vector>

#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

/// Empty where the network has no such norm.
struct NormWeights {
  std::vector<float> scale;
  std::vector<float> bias;  ///< zeros where the norm has none
  float epsilon = 0;

  bool exists() const { return !scale.empty(); }
  std::size_t bytes() const { return (scale.size() + bias.size()) * sizeof(float); }
};

/// Throws as finite_values.
NormWeights load_norm(const LayerNorm& norm, const WeightSource& source);

}  // namespace paceline
