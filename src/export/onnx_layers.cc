#include "export/onnx_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "network/dense_rows.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// The first opset that has an operator, or has its axes as an input instead of an attribute.
constexpr int kLayerNormalization = 17;
constexpr int kReduceAxesInput = 18;  // ReduceMean
constexpr int kGelu = 20;

constexpr float kMostInt8 = 127;
constexpr char kUnsignedZero = static_cast<char>(128);  // where a weight of 0 lies in u8

}  // namespace

/// [out, in]: a whole tensor as it is stored, else the layer's own part of it, written out.
OnnxLayers::Value OnnxLayers::dense_weight(const Dense& layer) const {
  const Shape shape{layer.out, layer.in};
  if (layer.weight.shape == shape && !layer.transposed) return graph_.weight(layer.weight);
  std::vector<float> rows(static_cast<std::size_t>(layer.out) * static_cast<std::size_t>(layer.in));
  read_dense_rows(checkpoint_.tensor(layer.weight), layer, 0, layer.out, rows);
  return graph_.floats(fmt::format("{}.rows_{}", layer.weight.name, layer.first), shape, rows);
}

OnnxLayers::Value OnnxLayers::dense_bias(const Dense& layer) const {
  if (layer.bias.shape == Shape{layer.out}) return graph_.weight(layer.bias);
  const std::vector<float> all = checkpoint_.values(layer.bias);
  return graph_.floats(fmt::format("{}.rows_{}", layer.bias.name, layer.first), {layer.out},
                       {all.begin() + layer.first, all.begin() + layer.first + layer.out});
}

// Gemm reads the weight as it is stored, [out, in]; ONNX Runtime repacks it once either way.
OnnxLayers::Value OnnxLayers::dense(const Value& x, const Dense& layer, std::string_view name) const {
  std::vector<Value> inputs{x, dense_weight(layer)};
  if (layer.bias.exists()) inputs.push_back(dense_bias(layer));
  return graph_.node("Gemm", name, std::move(inputs), {{"transB", int64_t{1}}});
}

// DynamicQuantizeLinear gives u8 with one scale and zero point for the whole tensor. ONNX Runtime fuses what follows
// into one kernel, whose products are exact in int32.
OnnxLayers::Value OnnxLayers::dense_int8(const Value& x, const Dense& layer, std::string_view name) {
  const Quantised& input = quantised(x);
  const Int8Weight weights = int8_weight(layer);
  std::vector<Value> factors{input.values, weights.values, input.zero};
  if (int8_weights_ == Int8Weights::kUnsigned) {
    factors.push_back(graph_.bytes("/constant/uint8_zero", OnnxType::kUint8, {}, std::string(1, kUnsignedZero)));
  }
  const Value sums = graph_.node("MatMulInteger", fmt::format("{}/sums", name), std::move(factors));
  const Value scale = graph_.node("Mul", fmt::format("{}/scale", name), {input.scale, weights.scales});
  const Value scaled = graph_.node("Mul", fmt::format("{}/scaled", name),
                                   {graph_.cast(sums, OnnxType::kFloat, fmt::format("{}/floats", name)), scale});
  return layer.bias.exists() ? graph_.node("Add", name, {scaled, dense_bias(layer)}) : scaled;
}

const OnnxLayers::Quantised& OnnxLayers::quantised(const Value& x) {
  const auto known = quantised_.find(x);
  if (known != quantised_.end()) return known->second;
  const std::vector<Value> made = graph_.node_with_parts("DynamicQuantizeLinear", x + "/int8", {x}, {"scale", "zero"});
  return quantised_.emplace(x, Quantised{.values = made[0], .scale = made[1], .zero = made[2]}).first->second;
}

/// [in, out], each column with the scale that makes its largest value 127, in u8 all of them above by 128.
OnnxLayers::Int8Weight OnnxLayers::int8_weight(const Dense& layer) const {
  const auto in = static_cast<std::size_t>(layer.in);
  const auto out = static_cast<std::size_t>(layer.out);
  std::vector<float> stored(out * in);
  read_dense_rows(checkpoint_.tensor(layer.weight), layer, 0, layer.out, stored);
  std::vector<float> scales(out);
  std::string bytes(stored.size(), '\0');
  const bool is_signed = int8_weights_ == Int8Weights::kSigned;
  for (std::size_t column = 0; column < out; ++column) {
    const std::span<const float> row = std::span(stored).subspan(column * in, in);
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    scales[column] = largest / kMostInt8;
    const float inverse = largest == 0 ? 0 : kMostInt8 / largest;
    for (std::size_t k = 0; k < in; ++k) {
      const float step = std::clamp(std::nearbyint(row[k] * inverse), -kMostInt8, kMostInt8);
      // Adding 128 to a byte turns its sign bit.
      const auto byte = static_cast<char>(static_cast<int8_t>(step));
      bytes[k * out + column] = is_signed ? byte : static_cast<char>(byte ^ kUnsignedZero);
    }
  }
  const std::string part =
      layer.first == 0 ? layer.weight.name : fmt::format("{}.rows_{}", layer.weight.name, layer.first);
  return {.values = graph_.bytes(part + ".int8", is_signed ? OnnxType::kInt8 : OnnxType::kUint8, {layer.in, layer.out},
                                 std::move(bytes)),
          .scales = graph_.floats(part + ".scales", {layer.out}, scales)};
}

OnnxLayers::Value OnnxLayers::layer_norm(const Value& x, const LayerNorm& norm, std::string_view name) const {
  if (!norm.exists()) return x;
  if (graph_.opset() < kLayerNormalization) return decomposed_layer_norm(x, norm, std::string(name));
  std::vector<Value> inputs{x, graph_.weight(norm.scale)};
  if (norm.bias.exists()) inputs.push_back(graph_.weight(norm.bias));
  return graph_.node("LayerNormalization", name, std::move(inputs),
                     {{"axis", int64_t{-1}}, {"epsilon", static_cast<float>(norm.epsilon)}});
}

OnnxLayers::Value OnnxLayers::mean_of_last_axis(const Value& x, const std::string& name) const {
  if (graph_.opset() >= kReduceAxesInput)
    return graph_.node("ReduceMean", name, {x, graph_.integers({-1})}, {{"keepdims", int64_t{1}}});
  return graph_.node("ReduceMean", name, {x}, {{"axes", std::vector<int64_t>{-1}}, {"keepdims", int64_t{1}}});
}

OnnxLayers::Value OnnxLayers::decomposed_layer_norm(const Value& x, const LayerNorm& norm,
                                                    const std::string& name) const {
  const Value centred = graph_.node("Sub", name + "/centred", {x, mean_of_last_axis(x, name + "/mean")});
  const Value squares = graph_.node("Mul", name + "/squares", {centred, centred});
  const Value variance = mean_of_last_axis(squares, name + "/variance");
  const Value safe =
      graph_.node("Add", name + "/safe_variance", {variance, graph_.number(static_cast<float>(norm.epsilon))});
  const Value deviation = graph_.node("Sqrt", name + "/deviation", {safe});
  const Value normed = graph_.node("Div", name + "/normed", {centred, deviation});
  const Value scaled = graph_.node("Mul", name + "/scaled", {normed, graph_.weight(norm.scale)});
  return norm.bias.exists() ? graph_.node("Add", name, {scaled, graph_.weight(norm.bias)}) : scaled;
}

OnnxLayers::Value OnnxLayers::activation(const Value& x, Activation function, std::string_view name) const {
  switch (function) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return graph_.opset() >= kGelu ? graph_.node("Gelu", name, {x}) : decomposed_gelu(x, std::string(name));
    case Activation::kTanh:
      return graph_.node("Tanh", name, {x});
    case Activation::kRelu:
      return graph_.node("Relu", name, {x});
    case Activation::kGeluTanh:
      return graph_.opset() >= kGelu ? graph_.node("Gelu", name, {x}, {{"approximate", std::string("tanh")}})
                                     : decomposed_gelu_tanh(x, std::string(name));
    case Activation::kSilu:
      return graph_.node("Mul", name, {x, graph_.node("Sigmoid", fmt::format("{}/sigmoid", name), {x})});
    case Activation::kMish: {
      const Value softplus = graph_.node("Softplus", fmt::format("{}/softplus", name), {x});
      return graph_.node("Mul", name, {x, graph_.node("Tanh", fmt::format("{}/tanh", name), {softplus})});
    }
  }
  throw Error(ErrorCode::kInternal, "[export onnx] An activation has no ONNX operator.");
}

OnnxLayers::Value OnnxLayers::decomposed_gelu(const Value& x, const std::string& name) const {
  const Value scaled = graph_.node("Div", name + "/scaled", {x, graph_.number(std::numbers::sqrt2_v<float>)});
  const Value erf = graph_.node("Erf", name + "/erf", {scaled});
  const Value shifted = graph_.node("Add", name + "/shifted", {erf, graph_.number(1.0F)});
  return graph_.node("Mul", name, {graph_.node("Mul", name + "/product", {x, shifted}), graph_.number(0.5F)});
}

OnnxLayers::Value OnnxLayers::decomposed_gelu_tanh(const Value& x, const std::string& name) const {
  const Value square = graph_.node("Mul", name + "/square", {x, x});
  const Value cube = graph_.node("Mul", name + "/cube", {square, x});
  const Value bent = graph_.node("Mul", name + "/bent", {cube, graph_.number(0.044715F)});
  const Value inner = graph_.node("Add", name + "/inner", {x, bent});
  const Value scaled =
      graph_.node("Mul", name + "/scaled", {inner, graph_.number(static_cast<float>(std::sqrt(2 / std::numbers::pi)))});
  const Value shifted =
      graph_.node("Add", name + "/shifted", {graph_.node("Tanh", name + "/tanh", {scaled}), graph_.number(1.0F)});
  return graph_.node("Mul", name, {graph_.node("Mul", name + "/product", {x, shifted}), graph_.number(0.5F)});
}

}  // namespace paceline
