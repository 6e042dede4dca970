#include "export/onnx_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "paceline/error.h"

namespace paceline {
namespace {

// The first opset where Unsqueeze and ReduceSum have their axes as an input instead of an attribute.
constexpr int kAxesInput = 13;
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

std::vector<OnnxBuilder::Value> OnnxBuilder::node_with_parts(std::string_view op, const std::string& name,
                                                             std::vector<Value> inputs,
                                                             const std::vector<std::string>& parts) {
  std::vector<Value> outputs{unique_name(name)};
  for (const std::string& part : parts) outputs.push_back(unique_name(outputs.front() + "/" + part));
  model_.nodes.push_back({std::string(op), outputs.front(), std::move(inputs), outputs, {}});
  return outputs;
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

OnnxBuilder::Value OnnxBuilder::bytes(const std::string& name, OnnxType type, Shape shape, std::string values) {
  return constant(name, type, std::move(shape), std::move(values));
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

}  // namespace paceline
