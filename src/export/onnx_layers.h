#pragma once

#include <map>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "export/int8_weights.h"
#include "export/onnx_builder.h"
#include "network/network.h"

namespace paceline {

/// The layers of a network as operators of a graph. What an opset lacks is written with the operators that it has.
class OnnxLayers {
 public:
  using Value = OnnxBuilder::Value;

  OnnxLayers(const Checkpoint& checkpoint, OnnxBuilder& graph, Int8Weights int8_weights)
      : checkpoint_(checkpoint), graph_(graph), int8_weights_(int8_weights) {}

  /// x [N, in] -> [N, out].
  Value dense(const Value& x, const Dense& layer, std::string_view name) const;
  /// The same in 8 bits: x quantised while it runs, once for all layers that read it; weights now, for each output.
  Value dense_int8(const Value& x, const Dense& layer, std::string_view name);
  /// Over the last axis; x itself where there is no such norm.
  Value layer_norm(const Value& x, const LayerNorm& norm, std::string_view name) const;
  Value activation(const Value& x, Activation function, std::string_view name) const;

 private:
  /// A value in u8: what DynamicQuantizeLinear makes of it.
  struct Quantised {
    Value values, scale, zero;
  };
  /// A weight in 8 bits, [in, out], and its scales [out].
  struct Int8Weight {
    Value values, scales;
  };

  const Quantised& quantised(const Value& x);
  Int8Weight int8_weight(const Dense& layer) const;
  Value dense_weight(const Dense& layer) const;
  Value dense_bias(const Dense& layer) const;
  Value mean_of_last_axis(const Value& x, const std::string& name) const;
  Value decomposed_layer_norm(const Value& x, const LayerNorm& norm, const std::string& name) const;
  Value decomposed_gelu(const Value& x, const std::string& name) const;
  Value decomposed_gelu_tanh(const Value& x, const std::string& name) const;

  const Checkpoint& checkpoint_;
  OnnxBuilder& graph_;
  Int8Weights int8_weights_;
  std::map<Value, Quantised> quantised_;
};

}  // namespace paceline
