#include "export/onnx_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <span>

#include "network/dense_rows.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// The first opset that has an operator, or has its axes as an input instead of an attribute.
constexpr int kAxesInput = 13;  // Unsqueeze
constexpr int kLayerNormalization = 17;
constexpr int kReduceAxesInput = 18;  // ReduceMean
constexpr int kGelu = 20;

constexpr float kMostInt8 = 127;

template <class T>
std::string raw_bytes(std::span<const T> values) {
  std::string bytes(values.size_bytes(), '\0');
  std::memcpy(bytes.data(), values.data(), values.size_bytes());
  return bytes;
}

std::string integer_bytes(const std::vector<int64_t>& values, OnnxType type) {
  if (type == OnnxType::kInt64) return raw_bytes(std::span(values));
  std::vector<int32_t> narrow;
  for (const int64_t value : values) narrow.push_back(static_cast<int32_t>(value));
  return raw_bytes(std::span<const int32_t>(narrow));
}

std::string_view integer_name(OnnxType type) { return type == OnnxType::kInt64 ? "int64" : "int32"; }

}  // namespace

OnnxBuilder::OnnxBuilder(const Checkpoint& checkpoint, int opset, std::string graph_name) : checkpoint_(checkpoint) {
  model_.opset = opset;
  model_.name = std::move(graph_name);
}

void OnnxBuilder::reserve(const std::string& name) {
  if (name.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[export onnx] An input or output has an empty name. Give it one.");
  }
  if (!names_.insert(name).second) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[export onnx] The name \"{}\" is used twice: inputs, output and weights need names of "
                            "their own. Choose another.",
                            name));
  }
}

OnnxBuilder::Value OnnxBuilder::input(const std::string& name, OnnxType type,
                                      std::vector<std::variant<std::string, int64_t>> shape) {
  reserve(name);
  model_.inputs.push_back({name, type, std::move(shape)});
  return name;
}

void OnnxBuilder::reserve_output(const std::string& name) { reserve(name); }

void OnnxBuilder::output(const Value& value, const std::string& name,
                         std::vector<std::variant<std::string, int64_t>> shape) {
  const auto maker = std::find_if(model_.nodes.begin(), model_.nodes.end(),
                                  [&](const OnnxNode& item) { return item.outputs.front() == value; });
  maker->outputs.front() = name;
  model_.outputs.push_back({name, OnnxType::kFloat, std::move(shape)});
}

OnnxBuilder::Value OnnxBuilder::node(std::string_view op, std::string_view name, std::vector<Value> inputs,
                                     std::vector<OnnxAttribute> attributes) {
  const std::string unique = unique_name(fmt::format("{}/{}", prefix_, name));
  model_.nodes.push_back({std::string(op), unique, std::move(inputs), {unique}, std::move(attributes)});
  return unique;
}

OnnxBuilder::Value OnnxBuilder::unique_name(const std::string& wanted) {
  std::string unique = wanted;
  for (int copy = 2; !names_.insert(unique).second; ++copy) unique = fmt::format("{}_{}", wanted, copy);
  return unique;
}

OnnxBuilder::Value OnnxBuilder::weight(const Weight& weight) {
  if (!initializers_.contains(weight.name)) {
    reserve(weight.name);
    initializers_.insert(weight.name);
    const TensorView& stored = checkpoint_.tensor(weight);
    model_.initializers.push_back({weight.name, OnnxType::kFloat, stored.shape, stored, {}});
  }
  return weight.name;
}

OnnxBuilder::Value OnnxBuilder::constant(std::string name, OnnxType type, Shape shape, std::string bytes) {
  if (!initializers_.contains(name)) {
    reserve(name);
    initializers_.insert(name);
    model_.initializers.push_back({name, type, std::move(shape), {}, std::move(bytes)});
  }
  return name;
}

OnnxBuilder::Value OnnxBuilder::integers(const std::vector<int64_t>& values, OnnxType type) {
  return constant(fmt::format("/constant/{}_{}", integer_name(type), fmt::join(values, "_")), type,
                  {static_cast<int64_t>(values.size())}, integer_bytes(values, type));
}

OnnxBuilder::Value OnnxBuilder::table(const std::string& name, const std::vector<int64_t>& values) {
  return constant(name, OnnxType::kInt64, {static_cast<int64_t>(values.size())}, raw_bytes(std::span(values)));
}

OnnxBuilder::Value OnnxBuilder::integer(int64_t value, OnnxType type) {
  return constant(fmt::format("/constant/{}_scalar_{}", integer_name(type), value), type, {},
                  integer_bytes({value}, type));
}

OnnxBuilder::Value OnnxBuilder::number(float value) {
  return constant(fmt::format("/constant/float_{}", value), OnnxType::kFloat, {},
                  raw_bytes(std::span<const float>(&value, 1)));
}

OnnxBuilder::Value OnnxBuilder::floats(const std::string& name, Shape shape, const std::vector<float>& values) {
  return constant(name, OnnxType::kFloat, std::move(shape), raw_bytes(std::span(values)));
}

// Shape with start and end exists from opset 15; this works from 10.
OnnxBuilder::Value OnnxBuilder::dimension(const Value& x, int64_t axis, std::string_view name) {
  const Value shape = node("Shape", fmt::format("{}/shape", name), {x});
  return node("Slice", name, {shape, integers({axis}), integers({axis + 1})});
}

OnnxBuilder::Value OnnxBuilder::cast(const Value& x, OnnxType type, std::string_view name) {
  return node("Cast", name, {x}, {{"to", static_cast<int64_t>(type)}});
}

OnnxBuilder::Value OnnxBuilder::unsqueeze(const Value& x, std::vector<int64_t> axes, std::string_view name) {
  if (opset() >= kAxesInput) return node("Unsqueeze", name, {x, integers(axes)});
  return node("Unsqueeze", name, {x}, {{"axes", std::move(axes)}});
}

OnnxBuilder::Value OnnxBuilder::reshaped(const Weight& weight, Shape shape, std::string_view name) {
  return floats(fmt::format("{}.{}", weight.name, name), std::move(shape), checkpoint_.values(weight));
}

OnnxBuilder::Value OnnxBuilder::reshape(const Value& x, const std::vector<int64_t>& shape, std::string_view name) {
  return node("Reshape", name, {x, integers(shape)});
}

OnnxBuilder::Value OnnxBuilder::transpose(const Value& x, std::vector<int64_t> perm, std::string_view name) {
  return node("Transpose", name, {x}, {{"perm", std::move(perm)}});
}

OnnxBuilder::Value OnnxBuilder::concat(std::vector<Value> parts, int64_t axis, std::string_view name) {
  return node("Concat", name, std::move(parts), {{"axis", axis}});
}

OnnxBuilder::Value OnnxBuilder::slice(const Value& x, int64_t axis, const Value& begin, const Value& end,
                                      std::string_view name) {
  return node("Slice", name, {x, begin, end, integers({axis})});
}

OnnxBuilder::Value OnnxBuilder::sum(const Value& x, int64_t axis, std::string_view name) {
  if (opset() >= kAxesInput) return node("ReduceSum", name, {x, integers({axis})}, {{"keepdims", int64_t{0}}});
  return node("ReduceSum", name, {x}, {{"axes", std::vector<int64_t>{axis}}, {"keepdims", int64_t{0}}});
}

OnnxBuilder::Value OnnxBuilder::count_up(const Value& count, std::string_view name) {
  const Value ones = node("Expand", fmt::format("{}/ones", name), {integer(1), count});
  const Value from_one = node("CumSum", fmt::format("{}/from_one", name), {ones, integer(0)});
  return node("Sub", name, {from_one, integer(1)});
}

/// [out, in]: a whole tensor as it is stored, else the layer's own part of it, written out.
OnnxBuilder::Value OnnxBuilder::dense_weight(const Dense& layer) {
  const Shape shape{layer.out, layer.in};
  if (layer.weight.shape == shape && !layer.transposed) return weight(layer.weight);
  std::vector<float> rows(static_cast<std::size_t>(layer.out) * static_cast<std::size_t>(layer.in));
  read_dense_rows(checkpoint_.tensor(layer.weight), layer, 0, layer.out, rows);
  return floats(fmt::format("{}.rows_{}", layer.weight.name, layer.first), shape, rows);
}

OnnxBuilder::Value OnnxBuilder::dense_bias(const Dense& layer) {
  if (layer.bias.shape == Shape{layer.out}) return weight(layer.bias);
  const std::vector<float> all = checkpoint_.values(layer.bias);
  return floats(fmt::format("{}.rows_{}", layer.bias.name, layer.first), {layer.out},
                {all.begin() + layer.first, all.begin() + layer.first + layer.out});
}

// Gemm reads the weight as it is stored, [out, in]; ONNX Runtime repacks it once either way.
OnnxBuilder::Value OnnxBuilder::dense(const Value& x, const Dense& layer, std::string_view name) {
  std::vector<Value> inputs{x, dense_weight(layer)};
  if (layer.bias.exists()) inputs.push_back(dense_bias(layer));
  return node("Gemm", name, std::move(inputs), {{"transB", int64_t{1}}});
}

// DynamicQuantizeLinear gives u8 with one scale and zero point for the whole tensor. ONNX Runtime fuses what follows
// into one kernel, whose products are exact in int32.
OnnxBuilder::Value OnnxBuilder::dense_int8(const Value& x, const Dense& layer, std::string_view name) {
  const Quantised& input = quantised(x);
  const Int8Weight weight = int8_weight(layer);
  const Value sums = node("MatMulInteger", fmt::format("{}/sums", name), {input.values, weight.values, input.zero});
  const Value scale = node("Mul", fmt::format("{}/scale", name), {input.scale, weight.scales});
  const Value scaled = node("Mul", fmt::format("{}/scaled", name),
                            {cast(sums, OnnxType::kFloat, fmt::format("{}/floats", name)), scale});
  return layer.bias.exists() ? node("Add", name, {scaled, dense_bias(layer)}) : scaled;
}

const OnnxBuilder::Quantised& OnnxBuilder::quantised(const Value& x) {
  const auto known = quantised_.find(x);
  if (known != quantised_.end()) return known->second;
  const std::string base = unique_name(x + "/int8");
  const Quantised made{.values = base, .scale = unique_name(base + "/scale"), .zero = unique_name(base + "/zero")};
  model_.nodes.push_back({"DynamicQuantizeLinear", base, {x}, {made.values, made.scale, made.zero}, {}});
  return quantised_.emplace(x, made).first->second;
}

/// [in, out] in s8, each column with the scale that makes its largest value 127.
OnnxBuilder::Int8Weight OnnxBuilder::int8_weight(const Dense& layer) {
  const auto in = static_cast<std::size_t>(layer.in);
  const auto out = static_cast<std::size_t>(layer.out);
  std::vector<float> stored(out * in);
  read_dense_rows(checkpoint_.tensor(layer.weight), layer, 0, layer.out, stored);
  std::vector<float> scales(out);
  std::string bytes(stored.size(), '\0');
  for (std::size_t column = 0; column < out; ++column) {
    const std::span<const float> row = std::span(stored).subspan(column * in, in);
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    scales[column] = largest / kMostInt8;
    const float inverse = largest == 0 ? 0 : kMostInt8 / largest;
    for (std::size_t k = 0; k < in; ++k) {
      const float step = std::clamp(std::nearbyint(row[k] * inverse), -kMostInt8, kMostInt8);
      bytes[k * out + column] = static_cast<char>(static_cast<int8_t>(step));
    }
  }
  const std::string part =
      layer.first == 0 ? layer.weight.name : fmt::format("{}.rows_{}", layer.weight.name, layer.first);
  return {.values = constant(part + ".int8", OnnxType::kInt8, {layer.in, layer.out}, std::move(bytes)),
          .scales = floats(part + ".scales", {layer.out}, scales)};
}

OnnxBuilder::Value OnnxBuilder::layer_norm(const Value& x, const LayerNorm& norm, std::string_view name) {
  if (!norm.exists()) return x;
  if (opset() < kLayerNormalization) return decomposed_layer_norm(x, norm, std::string(name));
  std::vector<Value> inputs{x, weight(norm.scale)};
  if (norm.bias.exists()) inputs.push_back(weight(norm.bias));
  return node("LayerNormalization", name, std::move(inputs),
              {{"axis", int64_t{-1}}, {"epsilon", static_cast<float>(norm.epsilon)}});
}

OnnxBuilder::Value OnnxBuilder::mean_of_last_axis(const Value& x, const std::string& name) {
  if (opset() >= kReduceAxesInput) return node("ReduceMean", name, {x, integers({-1})}, {{"keepdims", int64_t{1}}});
  return node("ReduceMean", name, {x}, {{"axes", std::vector<int64_t>{-1}}, {"keepdims", int64_t{1}}});
}

OnnxBuilder::Value OnnxBuilder::decomposed_layer_norm(const Value& x, const LayerNorm& norm, const std::string& name) {
  const Value centred = node("Sub", name + "/centred", {x, mean_of_last_axis(x, name + "/mean")});
  const Value squares = node("Mul", name + "/squares", {centred, centred});
  const Value variance = mean_of_last_axis(squares, name + "/variance");
  const Value safe = node("Add", name + "/safe_variance", {variance, number(static_cast<float>(norm.epsilon))});
  const Value deviation = node("Sqrt", name + "/deviation", {safe});
  const Value normed = node("Div", name + "/normed", {centred, deviation});
  const Value scaled = node("Mul", name + "/scaled", {normed, weight(norm.scale)});
  return norm.bias.exists() ? node("Add", name, {scaled, weight(norm.bias)}) : scaled;
}

OnnxBuilder::Value OnnxBuilder::activation(const Value& x, Activation function, std::string_view name) {
  switch (function) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return opset() >= kGelu ? node("Gelu", name, {x}) : decomposed_gelu(x, std::string(name));
    case Activation::kTanh:
      return node("Tanh", name, {x});
    case Activation::kRelu:
      return node("Relu", name, {x});
    case Activation::kGeluTanh:
      return opset() >= kGelu ? node("Gelu", name, {x}, {{"approximate", std::string("tanh")}})
                              : decomposed_gelu_tanh(x, std::string(name));
    case Activation::kSilu:
      return node("Mul", name, {x, node("Sigmoid", fmt::format("{}/sigmoid", name), {x})});
    case Activation::kMish: {
      const Value softplus = node("Softplus", fmt::format("{}/softplus", name), {x});
      return node("Mul", name, {x, node("Tanh", fmt::format("{}/tanh", name), {softplus})});
    }
  }
  throw Error(ErrorCode::kInternal, "[export onnx] An activation has no ONNX operator.");
}

OnnxBuilder::Value OnnxBuilder::decomposed_gelu(const Value& x, const std::string& name) {
  const Value scaled = node("Div", name + "/scaled", {x, number(std::numbers::sqrt2_v<float>)});
  const Value erf = node("Erf", name + "/erf", {scaled});
  const Value shifted = node("Add", name + "/shifted", {erf, number(1.0F)});
  return node("Mul", name, {node("Mul", name + "/product", {x, shifted}), number(0.5F)});
}

OnnxBuilder::Value OnnxBuilder::decomposed_gelu_tanh(const Value& x, const std::string& name) {
  const Value square = node("Mul", name + "/square", {x, x});
  const Value cube = node("Mul", name + "/cube", {square, x});
  const Value bent = node("Mul", name + "/bent", {cube, number(0.044715F)});
  const Value inner = node("Add", name + "/inner", {x, bent});
  const Value scaled =
      node("Mul", name + "/scaled", {inner, number(static_cast<float>(std::sqrt(2 / std::numbers::pi)))});
  const Value shifted = node("Add", name + "/shifted", {node("Tanh", name + "/tanh", {scaled}), number(1.0F)});
  return node("Mul", name, {node("Mul", name + "/product", {x, shifted}), number(0.5F)});
}

}  // namespace paceline
