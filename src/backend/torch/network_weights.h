#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace paceline {

/// A checkpoint's weights as tensors, and the layers that are made of them alone.
class NetworkWeights {
 public:
  /// Copies the weights, converted to `dtype`, to `device`. Throws Error, c10::Error.
  NetworkWeights(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device);

  /// Every weight under its name in the checkpoint, in the order of the forward pass.
  const std::vector<std::pair<std::string, at::Tensor>>& all() const { return all_; }

  at::Tensor find(const Weight& weight) const;
  /// Undefined where the layer has no such weight.
  at::Tensor find_or_none(const Weight& weight) const { return weight.exists() ? find(weight) : at::Tensor(); }

  at::Tensor dense(const at::Tensor& x, const Dense& layer) const;
  /// x itself where there is no such norm.
  at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm) const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> all_;
  std::map<std::string, at::Tensor, std::less<>> by_name_;
};

}  // namespace paceline
