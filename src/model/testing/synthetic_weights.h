#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

/// Random weights in memory, large enough in scale that attention and activations matter.
class SyntheticWeights {
 public:
  explicit SyntheticWeights(uint32_t seed) : random_(uint64_t{seed} * 2 + 1) {}
  SyntheticWeights(const SyntheticWeights&) = delete;
  SyntheticWeights& operator=(const SyntheticWeights&) = delete;

  /// Values in centre +- spread.
  Weight add(const std::string& name, Shape shape, float centre, float spread);
  Dense add_dense(const std::string& name, int32_t in, int32_t out);
  LayerNorm add_norm(const std::string& name, int32_t width);

  /// Valid as long as this object.
  WeightSource source() const;

 private:
  struct Stored {
    std::vector<float> values;
    TensorView view;
  };

  std::map<std::string, Stored> tensors_;
  uint64_t random_;
};

}  // namespace paceline
