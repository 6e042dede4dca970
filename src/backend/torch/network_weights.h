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

  /// Converts a weight to bf16. Nothing where the layer has no such weight.
  void round(const Weight& weight);

  at::Tensor find(const Weight& weight) const;
  /// Undefined where the layer has no such weight.
  at::Tensor find_or_none(const Weight& weight) const { return weight.exists() ? find(weight) : at::Tensor(); }

  /// The table's rows of these numbers; its padding row takes no gradient.
  at::Tensor look_up(const Weight& table, const at::Tensor& rows) const;
  at::Tensor dense(const at::Tensor& x, const Dense& layer) const;
  /// x itself where there is no such norm.
  at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm) const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> all_;
  std::map<std::string, at::Tensor, std::less<>> by_name_;
};

}  // namespace paceline
