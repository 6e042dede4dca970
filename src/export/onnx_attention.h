#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "export/onnx_builder.h"
#include "export/onnx_layers.h"
#include "export/onnx_positions.h"
#include "export/onnx_rows.h"
#include "network/network.h"

namespace paceline {

/// Attention of the graph: from rows of queries, keys and values to rows of what they mix. Masks and angles that
/// layers share are made once.
class OnnxAttention {
 public:
  using Value = OnnxBuilder::Value;

  OnnxAttention(OnnxBuilder& graph, OnnxLayers& layers, OnnxRows& rows, const Network& network)
      : graph_(graph), rows_(rows), network_(network), positions_(graph, layers, rows, network) {}

  /// Whether queries may be one row for each sequence: nothing depends on their places.
  static bool knows_no_places(const Network& network, const SelfAttention& layer);

  struct Inputs {
    Value query, key, value;  ///< [N, H D]
    bool reduced = false;     ///< the queries are one row for each sequence
  };
  /// `types`: token types [B, S], or empty. [N, H D], or [B, H D] where the queries are reduced.
  Value attend(const Inputs& inputs, const SelfAttention& layer, const Value& types);

 private:
  Value mask_of(const SelfAttention& layer);
  Value visible_bias(const SelfAttention& layer);
  Value rotated(const Value& x, const SelfAttention& layer, const std::string& name);
  std::pair<Value, Value> angles(const SelfAttention& layer);
  Value fused(const Inputs& inputs, const SelfAttention& layer, const Value& mask);
  Value decomposed(const Inputs& inputs, const SelfAttention& layer, const Value& mask);

  OnnxBuilder& graph_;
  OnnxRows& rows_;
  const Network& network_;
  OnnxPositions positions_;
  std::map<std::pair<int32_t, int32_t>, Value> visible_;  // by what is seen before and behind
  std::map<Rotary, std::pair<Value, Value>> angles_;
};

}  // namespace paceline
