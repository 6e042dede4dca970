#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "export/onnx_model.h"

namespace paceline {

/// Adds operators to an OnnxModel one by one. Values are named after the node that makes them; what changed between
/// opsets is decided here, so that whoever walks a network need not know. Shapes in comments are those of the values.
class OnnxBuilder {
 public:
  using Value = std::string;

  OnnxBuilder(const Checkpoint& checkpoint, int opset, std::string graph_name);

  /// Throws Error{invalid_argument} when the name is empty or taken.
  Value input(const std::string& name, OnnxType type, std::vector<std::variant<std::string, int64_t>> shape);
  /// Keeps a name for the output, so that nothing else takes it. Throws as input() does.
  void reserve_output(const std::string& name);
  /// Makes `value`, which no node may read, the output under its reserved name.
  void output(const Value& value, const std::string& name, std::vector<std::variant<std::string, int64_t>> shape);

  /// Nodes from here on are named PREFIX/name.
  void enter(std::string_view prefix) { prefix_ = prefix; }

  /// The general case: one operator, one output.
  Value node(std::string_view op, std::string_view name, std::vector<Value> inputs,
             std::vector<OnnxAttribute> attributes = {});
  /// One operator with several outputs: the node and its first output are named `name`, without the prefix, the others
  /// NAME/PART.
  std::vector<Value> node_with_parts(std::string_view op, const std::string& name, std::vector<Value> inputs,
                                     const std::vector<std::string>& parts);

  /// A tensor of the checkpoint under its own name, fp32.
  Value weight(const Weight& weight);
  /// Constants, made once per content.
  Value integers(const std::vector<int64_t>& values, OnnxType type = OnnxType::kInt64);  ///< [n]
  Value integer(int64_t value, OnnxType type = OnnxType::kInt64);                        ///< []
  Value number(float value);                                                             ///< []
  Value table(const std::string& name, const std::vector<int64_t>& values);              ///< [n], long: by its name
  Value floats(const std::string& name, Shape shape, const std::vector<float>& values);
  Value bytes(const std::string& name, OnnxType type, Shape shape, std::string values);  ///< s8 or u8
  /// A tensor of the checkpoint in another shape of as many values; `name` is added to its own.
  Value reshaped(const Weight& weight, Shape shape, std::string_view name);

  /// One size of `x` as a one-element vector.
  Value dimension(const Value& x, int64_t axis, std::string_view name);
  Value cast(const Value& x, OnnxType type, std::string_view name);
  Value unsqueeze(const Value& x, std::vector<int64_t> axes, std::string_view name);
  Value reshape(const Value& x, const std::vector<int64_t>& shape, std::string_view name);
  Value transpose(const Value& x, std::vector<int64_t> perm, std::string_view name);
  Value concat(std::vector<Value> parts, int64_t axis, std::string_view name);
  Value slice(const Value& x, int64_t axis, const Value& begin, const Value& end, std::string_view name);
  /// The sum over one axis, which is left out.
  Value sum(const Value& x, int64_t axis, std::string_view name);
  /// [n], 0 to n - 1, for a one-element vector that holds n.
  Value count_up(const Value& count, std::string_view name);
  int opset() const { return model_.opset; }
  OnnxModel take() { return std::move(model_); }

 private:
  Value unique_name(const std::string& wanted);
  Value constant(std::string name, OnnxType type, Shape shape, std::string bytes);
  void reserve(const std::string& name);

  const Checkpoint& checkpoint_;
  OnnxModel model_;
  std::string prefix_;
  std::set<std::string> names_;         // of every value
  std::set<std::string> initializers_;  // of those, the constants
};

}  // namespace paceline
