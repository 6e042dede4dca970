#include "export/onnx_positions.h"

#include <fmt/format.h>

#include <vector>

#include "network/relative_rows.h"

namespace paceline {

const OnnxPositions::Value& OnnxPositions::distance_bias() {
  if (!distance_bias_.empty()) return distance_bias_;
  const Value columns = position_columns();
  const Value biases = graph_.node("Gather", "attention/distance_bias/rows",
                                   {graph_.weight(network_.relative.table), columns});  // [S, S, H]
  const Value by_head = graph_.transpose(biases, {2, 0, 1}, "attention/distance_bias/heads");
  distance_bias_ = graph_.unsqueeze(by_head, {0}, "attention/distance_bias");
  return distance_bias_;
}

OnnxPositions::Value OnnxPositions::scores(const Value& queries, const Value& keys, const SelfAttention& layer,
                                           const Value& types) {
  const Value query = heads(queries, layer, "attention/query");
  Value sum;
  const auto add = [&](const Value& more) {
    sum = sum.empty() ? more : graph_.node("Add", "attention/relative", {sum, more});
  };
  if (layer.position_key.exists()) {
    const Value positions = projected_positions(layer.position_key, layer, "attention/position_key");
    const Value biased = with_bias(query, layer.position_bias, layer, "attention/positioned");
    add(scores_by_row(biased, positions, whole_columns(layer.heads, false), "attention/content_to_position"));
  }
  if (layer.position_query.exists()) {
    const Value positions = projected_positions(layer.position_query, layer, "attention/position_query");
    const Value by_key = scores_by_row(heads(keys, layer, "attention/key"), positions, whole_columns(layer.heads, true),
                                       "attention/position_to_content");
    add(graph_.transpose(by_key, {0, 1, 3, 2}, "attention/of_queries"));
  }
  if (layer.segments.exists() && !types.empty()) add(segment_scores(query, layer, types));
  return graph_.node("Mul", "attention/scaled", {sum, graph_.number(static_cast<float>(layer.scale))});
}

/// [S, S]: the row of the relative positions' table for each pair.
OnnxPositions::Value OnnxPositions::position_columns() {
  if (!columns_.empty()) return columns_;
  if (network_.relative.kind == RelativeKind::kSinusoid) {  // the table begins at the sequence's own lowest distance
    const Value shift = graph_.node("Sub", "attention/last_place", {rows_.sequence(), graph_.integers({1})});
    columns_ = graph_.node("Add", "attention/columns", {rows_.distances(), shift});
    return columns_;
  }
  const std::vector<int32_t> rows = relative_rows(network_.relative, network_.max_tokens);
  const Value table = graph_.table("attention.position_rows", {rows.begin(), rows.end()});
  const Value shifted =
      graph_.node("Add", "attention/shifted", {rows_.distances(), graph_.integer(network_.max_tokens - 1)});
  columns_ = graph_.node("Gather", "attention/columns", {table, shifted});
  return columns_;
}

/// The rows that positions are projected from, [R, C].
OnnxPositions::Value OnnxPositions::position_table() {
  if (!table_.empty()) return table_;
  const RelativePositions& relative = network_.relative;
  if (relative.kind == RelativeKind::kLearned) {
    Value table = graph_.weight(relative.table);
    if (relative.table.shape.front() != 2 * relative.span) {
      table =
          graph_.slice(table, 0, graph_.integers({0}), graph_.integers({2 * relative.span}), "attention/table/rows");
    }
    table_ = layers_.layer_norm(table, relative.norm, "attention/table");
    return table_;
  }
  const int32_t longest = network_.max_tokens;
  const Value all = graph_.floats("attention.sinusoids", {2 * int64_t{longest} - 1, network_.hidden_size},
                                  sinusoid_rows(relative, longest, network_.hidden_size));
  const Value begin = graph_.node("Sub", "attention/table/begin", {graph_.integers({longest}), rows_.sequence()});
  const Value end = graph_.node("Add", "attention/table/end", {graph_.integers({longest - 1}), rows_.sequence()});
  table_ = graph_.slice(all, 0, begin, end, "attention/table");
  return table_;
}

/// [H, D, R]
OnnxPositions::Value OnnxPositions::projected_positions(const Dense& projection, const SelfAttention& layer,
                                                        const std::string& name) {
  const Value rows = layers_.dense(position_table(), projection, name + "/rows");
  const Value split = graph_.reshape(rows, {-1, layer.heads, layer.head_dim}, name + "/split");
  return graph_.transpose(split, {1, 2, 0}, name);
}

/// [B, H, S, S]: position_columns for each head, for keys the other way round.
OnnxPositions::Value OnnxPositions::whole_columns(int32_t heads, bool of_keys) {
  Value& made = whole_columns_[{heads, of_keys}];
  if (!made.empty()) return made;
  Value columns = position_columns();
  if (of_keys) columns = graph_.transpose(columns, {1, 0}, "attention/columns_of_keys");
  const Value shape = graph_.concat({rows_.batch(), graph_.integers({heads}), rows_.sequence(), rows_.sequence()}, 0,
                                    "attention/whole_columns/shape");
  made = graph_.node("Expand", "attention/whole_columns", {columns, shape});
  return made;
}

/// x [B, H, S, D], positions [H, D, R] -> [B, H, S, S]
OnnxPositions::Value OnnxPositions::scores_by_row(const Value& x, const Value& positions, const Value& whole_columns,
                                                  const std::string& name) {
  const Value by_row = graph_.node("MatMul", name + "/by_row", {x, positions});
  return graph_.node("GatherElements", name, {by_row, whole_columns}, {{"axis", int64_t{3}}});
}

OnnxPositions::Value OnnxPositions::segment_scores(const Value& query, const SelfAttention& layer, const Value& types) {
  if (differ_.empty()) {
    const Value of_keys = graph_.unsqueeze(types, {1}, "attention/types_of_keys");
    const Value of_queries = graph_.unsqueeze(types, {2}, "attention/types_of_queries");
    const Value same = graph_.node("Equal", "attention/same", {of_keys, of_queries});
    differ_ = graph_.unsqueeze(graph_.node("Not", "attention/not_same", {same}), {1}, "attention/differ");
  }
  const Value segments = graph_.transpose(graph_.weight(layer.segments), {1, 2, 0}, "attention/segments");  // [H, D, 2]
  const Value biased = with_bias(query, layer.segment_bias, layer, "attention/segmented");
  const Value both = graph_.node("MatMul", "attention/by_segment", {biased, segments});
  const auto one = [&](int64_t index) {
    return graph_.slice(both, 3, graph_.integers({index}), graph_.integers({index + 1}),
                        fmt::format("attention/segment_{}", index));
  };
  return graph_.node("Where", "attention/segment_scores", {differ_, one(1), one(0)});
}

/// query [B, H, S, D] + bias [H, D]
OnnxPositions::Value OnnxPositions::with_bias(const Value& query, const Weight& bias, const SelfAttention& layer,
                                              const std::string& name) {
  if (!bias.exists()) return query;
  return graph_.node("Add", name, {query, graph_.reshaped(bias, {layer.heads, 1, layer.head_dim}, "heads")});
}

/// [N, H D] -> [B, H, S, D]
OnnxPositions::Value OnnxPositions::heads(const Value& x, const SelfAttention& layer, std::string_view name) {
  const Value shape = graph_.concat({rows_.batch(), graph_.integers({-1, layer.heads, layer.head_dim})}, 0,
                                    fmt::format("{}/shape", name));
  const Value padded = rows_.padded(x, layer.heads * layer.head_dim, fmt::format("{}/padded", name));
  return graph_.transpose(graph_.node("Reshape", fmt::format("{}/split", name), {padded, shape}), {0, 2, 1, 3},
                          fmt::format("{}/heads", name));
}

}  // namespace paceline
