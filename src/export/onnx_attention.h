#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "export/onnx_builder.h"
#include "export/onnx_rows.h"
#include "network/network.h"

namespace paceline {

/// Attention of the graph: from rows of queries, keys and values to rows of what they mix. Masks, tables and angles
/// that layers share are made once.
class OnnxAttention {
 public:
  using Value = OnnxBuilder::Value;

  OnnxAttention(OnnxBuilder& graph, OnnxRows& rows, const Network& network)
      : graph_(graph), rows_(rows), network_(network) {}

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
  Value distance_bias();
  Value position_table();
  Value position_columns();
  Value rotated(const Value& x, const SelfAttention& layer, const std::string& name);
  std::pair<Value, Value> angles(const SelfAttention& layer);
  Value heads(const Value& x, const SelfAttention& layer, std::string_view name);
  Value projected_positions(const Dense& projection, const SelfAttention& layer, const std::string& name);
  Value relative_scores(const Inputs& inputs, const SelfAttention& layer, const Value& types);
  Value scores_by_row(const Value& x, const Value& positions, const Value& whole_columns, const std::string& name);
  Value whole_columns(int32_t heads, bool of_keys);
  Value segment_scores(const Value& query, const SelfAttention& layer, const Value& types);
  Value with_bias(const Value& query, const Weight& bias, const SelfAttention& layer, const std::string& name);
  Value fused(const Inputs& inputs, const SelfAttention& layer, const Value& mask);
  Value decomposed(const Inputs& inputs, const SelfAttention& layer, const Value& mask);

  OnnxBuilder& graph_;
  OnnxRows& rows_;
  const Network& network_;
  std::map<std::pair<int32_t, int32_t>, Value> visible_;  // by what is seen before and behind
  std::map<Rotary, std::pair<Value, Value>> angles_;
  std::map<std::pair<int32_t, bool>, Value> whole_columns_;  // by heads, of keys or of queries
  Value distance_bias_, table_, columns_, differ_;
};

}  // namespace paceline
