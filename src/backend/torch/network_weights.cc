// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/network_weights.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>

#include "network/network.h"
#include "paceline/error.h"

namespace paceline {
namespace {

at::Tensor copy_weight(const Checkpoint& checkpoint, const Weight& weight, at::ScalarType dtype, at::Device device) {
  at::Tensor values = at::empty(weight.shape, at::kFloat);
  convert_to_float(checkpoint.tensor(weight), 0,
                   {values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
  return values.to(device, dtype);
}

}  // namespace

NetworkWeights::NetworkWeights(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device) {
  for_each_weight(checkpoint.network(), [&](const Weight& weight) {
    all_.emplace_back(weight.name, copy_weight(checkpoint, weight, dtype, device));
    by_name_.emplace(weight.name, all_.back().second);
  });
}

void NetworkWeights::round(const Weight& weight) {
  const at::Tensor values = find_or_none(weight);
  if (values.defined()) values.set_data(values.to(at::kBFloat16));
}

at::Tensor NetworkWeights::find(const Weight& weight) const {
  const auto found = by_name_.find(weight.name);
  if (found == by_name_.end()) {
    throw Error(ErrorCode::kInternal, "[torch] The weight " + weight.name + " is not visited by the network.");
  }
  return found->second;
}

at::Tensor NetworkWeights::look_up(const Weight& table, const at::Tensor& rows) const {
  return at::embedding(find(table), rows, table.padding_row);
}

/// A tensor that holds several layers, or the other way round, is taken apart here, so that a trace names it whole.
at::Tensor NetworkWeights::dense(const at::Tensor& x, const Dense& layer) const {
  at::Tensor weight = find(layer.weight);
  at::Tensor bias = find_or_none(layer.bias);
  const int64_t outputs = weight.numel() / layer.in;
  if (layer.weight.shape.size() != 2) {
    weight = layer.transposed ? weight.reshape({layer.in, outputs}) : weight.reshape({outputs, layer.in});
  }
  if (layer.transposed) weight = weight.t();
  if (outputs != layer.out) {
    weight = weight.narrow(0, layer.first, layer.out);
    if (bias.defined()) bias = bias.narrow(0, layer.first, layer.out);
  }
  return at::linear(x, weight, bias);
}

at::Tensor NetworkWeights::normalise(const at::Tensor& x, const LayerNorm& norm) const {
  if (!norm.exists()) return x;
  return at::layer_norm(x, norm.scale.shape, find(norm.scale), find_or_none(norm.bias), norm.epsilon);
}

}  // namespace paceline
