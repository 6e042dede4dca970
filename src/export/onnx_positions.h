#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "export/onnx_builder.h"
#include "export/onnx_layers.h"
#include "export/onnx_rows.h"
#include "network/network.h"

namespace paceline {

/// What relative positions and segments add to the scores of a graph. Tables that layers share are made once.
class OnnxPositions {
 public:
  using Value = OnnxBuilder::Value;

  OnnxPositions(OnnxBuilder& graph, OnnxLayers& layers, OnnxRows& rows, const Network& network)
      : graph_(graph), layers_(layers), rows_(rows), network_(network) {}

  /// Of RelativeKind::kBias, [1, H, S, S].
  const Value& distance_bias();

  /// Scaled, [B, H, S, S], of queries and keys [N, H D]. `types`: token types [B, S], or empty.
  Value scores(const Value& queries, const Value& keys, const SelfAttention& layer, const Value& types);

 private:
  Value position_columns();
  Value position_table();
  Value projected_positions(const Dense& projection, const SelfAttention& layer, const std::string& name);
  Value whole_columns(int32_t heads, bool of_keys);
  Value scores_by_row(const Value& x, const Value& positions, const Value& whole_columns, const std::string& name);
  Value segment_scores(const Value& query, const SelfAttention& layer, const Value& types);
  Value with_bias(const Value& query, const Weight& bias, const SelfAttention& layer, const std::string& name);
  Value heads(const Value& x, const SelfAttention& layer, std::string_view name);

  OnnxBuilder& graph_;
  OnnxLayers& layers_;
  OnnxRows& rows_;
  const Network& network_;
  std::map<std::pair<int32_t, bool>, Value> whole_columns_;  // by heads, of keys or of queries
  Value distance_bias_, table_, columns_, differ_;
};

}  // namespace paceline
