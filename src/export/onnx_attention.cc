#include "export/onnx_attention.h"

#include <fmt/format.h>

#include <limits>
#include <vector>

#include "network/relative_rows.h"

namespace paceline {
namespace {

bool sees_all(const SelfAttention& layer) { return layer.visible_before < 0 && layer.visible_after < 0; }

int32_t width_of(const SelfAttention& layer) { return layer.heads * layer.head_dim; }

}  // namespace

bool OnnxAttention::knows_no_places(const Network& network, const SelfAttention& layer) {
  return network.relative.kind == RelativeKind::kNone && !layer.rotary.exists() && sees_all(layer);
}

OnnxAttention::Value OnnxAttention::attend(const Inputs& inputs, const SelfAttention& layer, const Value& types) {
  if (knows_no_places(network_, layer)) {
    const Value& mask = rows_.portable() || inputs.reduced ? rows_.key_bias() : rows_.square_bias();
    return rows_.portable() ? decomposed(inputs, layer, mask) : fused(inputs, layer, mask);
  }
  Value mask = mask_of(layer);
  Inputs turned = inputs;
  if (layer.rotary.exists()) {
    turned.query = rotated(inputs.query, layer, "attention/query");
    turned.key = rotated(inputs.key, layer, "attention/key");
  }
  if (layer.position_key.exists() || layer.position_query.exists()) {
    const Value scores = relative_scores(inputs, layer, types);
    mask = graph_.node("Add", "attention/bias", {scores, mask});
    if (layer.content_bias.exists()) {
      const Value bias = graph_.reshaped(layer.content_bias, {width_of(layer)}, "row");
      turned.query = graph_.node("Add", "attention/content", {inputs.query, bias});
    }
  }
  return rows_.portable() ? decomposed(turned, layer, mask) : fused(turned, layer, mask);
}

/// What is added to the scores, [B, 1 or H, S, S].
OnnxAttention::Value OnnxAttention::mask_of(const SelfAttention& layer) {
  const Value visible = sees_all(layer) ? rows_.square_bias() : visible_bias(layer);
  if (network_.relative.kind != RelativeKind::kBias) return visible;
  if (distance_bias_.empty()) distance_bias_ = distance_bias();
  return graph_.node("Add", "attention/bias", {visible, distance_bias_});
}

/// The lowest float for padding and for what a query does not see; a row without any real key stays finite.
OnnxAttention::Value OnnxAttention::visible_bias(const SelfAttention& layer) {
  Value& made = visible_[{layer.visible_before, layer.visible_after}];
  if (!made.empty()) return made;
  Value hidden;
  if (layer.visible_after >= 0) {
    hidden = graph_.node("Greater", "attention/behind", {rows_.distances(), graph_.integer(layer.visible_after)});
  }
  if (layer.visible_before >= 0) {
    const Value before =
        graph_.node("Less", "attention/before", {rows_.distances(), graph_.integer(-layer.visible_before)});
    hidden = hidden.empty() ? before : graph_.node("Or", "attention/hidden", {hidden, before});
  }
  const Value lowest = graph_.number(std::numeric_limits<float>::lowest());
  const Value bias =
      graph_.node("Mul", "attention/window", {graph_.cast(hidden, OnnxType::kFloat, "attention/is_hidden"), lowest});
  made = graph_.node("Min", "attention/visible", {rows_.square_bias(), bias});
  return made;
}

/// MPNet's, [1, H, S, S].
OnnxAttention::Value OnnxAttention::distance_bias() {
  const Value columns = position_columns();
  const Value biases = graph_.node("Gather", "attention/distance_bias/rows",
                                   {graph_.weight(network_.relative.table), columns});  // [S, S, H]
  const Value by_head = graph_.transpose(biases, {2, 0, 1}, "attention/distance_bias/heads");
  return graph_.unsqueeze(by_head, {0}, "attention/distance_bias");
}

/// [S, S]: the row of the relative positions' table for each pair.
OnnxAttention::Value OnnxAttention::position_columns() {
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
OnnxAttention::Value OnnxAttention::position_table() {
  if (!table_.empty()) return table_;
  const RelativePositions& relative = network_.relative;
  if (relative.kind == RelativeKind::kLearned) {
    Value table = graph_.weight(relative.table);
    if (relative.table.shape.front() != 2 * relative.span) {
      table =
          graph_.slice(table, 0, graph_.integers({0}), graph_.integers({2 * relative.span}), "attention/table/rows");
    }
    table_ = graph_.layer_norm(table, relative.norm, "attention/table");
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
OnnxAttention::Value OnnxAttention::projected_positions(const Dense& projection, const SelfAttention& layer,
                                                        const std::string& name) {
  const Value rows = graph_.dense(position_table(), projection, name + "/rows");
  const Value split = graph_.reshape(rows, {-1, layer.heads, layer.head_dim}, name + "/split");
  return graph_.transpose(split, {1, 2, 0}, name);
}

/// Scaled, [B, H, S, S].
OnnxAttention::Value OnnxAttention::relative_scores(const Inputs& inputs, const SelfAttention& layer,
                                                    const Value& types) {
  const Value query = heads(inputs.query, layer, "attention/query");
  Value scores;
  const auto add = [&](const Value& more) {
    scores = scores.empty() ? more : graph_.node("Add", "attention/relative", {scores, more});
  };
  if (layer.position_key.exists()) {
    const Value positions = projected_positions(layer.position_key, layer, "attention/position_key");
    const Value biased = with_bias(query, layer.position_bias, layer, "attention/positioned");
    add(scores_by_row(biased, positions, whole_columns(layer.heads, false), "attention/content_to_position"));
  }
  if (layer.position_query.exists()) {
    const Value positions = projected_positions(layer.position_query, layer, "attention/position_query");
    const Value by_key = scores_by_row(heads(inputs.key, layer, "attention/key"), positions,
                                       whole_columns(layer.heads, true), "attention/position_to_content");
    add(graph_.transpose(by_key, {0, 1, 3, 2}, "attention/of_queries"));
  }
  if (layer.segments.exists() && !types.empty()) add(segment_scores(query, layer, types));
  return graph_.node("Mul", "attention/scaled", {scores, graph_.number(static_cast<float>(layer.scale))});
}

/// [B, H, S, S]: position_columns for each head, for keys the other way round.
OnnxAttention::Value OnnxAttention::whole_columns(int32_t heads, bool of_keys) {
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
OnnxAttention::Value OnnxAttention::scores_by_row(const Value& x, const Value& positions, const Value& whole_columns,
                                                  const std::string& name) {
  const Value by_row = graph_.node("MatMul", name + "/by_row", {x, positions});
  return graph_.node("GatherElements", name, {by_row, whole_columns}, {{"axis", int64_t{3}}});
}

OnnxAttention::Value OnnxAttention::segment_scores(const Value& query, const SelfAttention& layer, const Value& types) {
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
OnnxAttention::Value OnnxAttention::with_bias(const Value& query, const Weight& bias, const SelfAttention& layer,
                                              const std::string& name) {
  if (!bias.exists()) return query;
  return graph_.node("Add", name, {query, graph_.reshaped(bias, {layer.heads, 1, layer.head_dim}, "heads")});
}

/// Cosines and sines, [S, 1, D] each.
std::pair<OnnxAttention::Value, OnnxAttention::Value> OnnxAttention::angles(const SelfAttention& layer) {
  auto& made = angles_[layer.rotary];
  if (!made.first.empty()) return made;
  const std::size_t half = layer.rotary.frequencies.size();
  std::vector<float> cosines;
  std::vector<float> sines;
  for (int32_t place = 0; place < network_.max_tokens; ++place) {
    for (std::size_t d = 0; d < 2 * half; ++d) {
      cosines.push_back(static_cast<float>(layer.rotary.cosine(place, d % half)));
      sines.push_back(static_cast<float>(layer.rotary.sine(place, d % half)));
    }
  }
  const auto part = [&](std::string_view name, const std::vector<float>& values) {
    const Value all = graph_.floats(fmt::format("rotary.{}.{}", name, angles_.size()),
                                    {network_.max_tokens, 1, layer.head_dim}, values);
    return graph_.slice(all, 0, graph_.integers({0}), rows_.sequence(), fmt::format("rotary/{}", name));
  };
  made = {part("cosines", cosines), part("sines", sines)};
  return made;
}

/// x [N, H D], turned by its places.
OnnxAttention::Value OnnxAttention::rotated(const Value& x, const SelfAttention& layer, const std::string& name) {
  const auto [cosines, sines] = angles(layer);
  const int64_t half = layer.head_dim / 2;
  const Value shape = graph_.concat({rows_.batch(), rows_.sequence(), graph_.integers({layer.heads, layer.head_dim})},
                                    0, name + "/shape");
  const Value split =
      graph_.node("Reshape", name + "/split", {rows_.padded(x, width_of(layer), name + "/padded"), shape});
  const Value first = graph_.slice(split, 3, graph_.integers({0}), graph_.integers({half}), name + "/first");
  const Value second = graph_.slice(split, 3, graph_.integers({half}), graph_.integers({2 * half}), name + "/second");
  const Value swapped = graph_.concat({graph_.node("Neg", name + "/negated", {second}), first}, 3, name + "/swapped");
  const Value straight = graph_.node("Mul", name + "/straight", {split, cosines});
  const Value across = graph_.node("Mul", name + "/across", {swapped, sines});
  return rows_.packed(graph_.node("Add", name + "/turned", {straight, across}), width_of(layer), name + "/rotated");
}

/// [N, H D] -> [B, H, S, D]
OnnxAttention::Value OnnxAttention::heads(const Value& x, const SelfAttention& layer, std::string_view name) {
  const Value shape = graph_.concat({rows_.batch(), graph_.integers({-1, layer.heads, layer.head_dim})}, 0,
                                    fmt::format("{}/shape", name));
  const Value padded = rows_.padded(x, width_of(layer), fmt::format("{}/padded", name));
  return graph_.transpose(graph_.node("Reshape", fmt::format("{}/split", name), {padded, shape}), {0, 2, 1, 3},
                          fmt::format("{}/heads", name));
}

OnnxAttention::Value OnnxAttention::fused(const Inputs& inputs, const SelfAttention& layer, const Value& mask) {
  const int32_t width = width_of(layer);
  const Value context = graph_.node("Attention", "attention/context",
                                    {inputs.reduced ? rows_.sequences(inputs.query, width, "attention/query/sequences")
                                                    : rows_.padded(inputs.query, width, "attention/query/padded"),
                                     rows_.padded(inputs.key, width, "attention/key/padded"),
                                     rows_.padded(inputs.value, width, "attention/value/padded"), mask},
                                    {{"q_num_heads", int64_t{layer.heads}},
                                     {"kv_num_heads", int64_t{layer.heads}},
                                     {"scale", static_cast<float>(layer.scale)}});
  return inputs.reduced ? rows_.flat(context, width, "attention/rows")
                        : rows_.packed(context, width, "attention/packed");
}

OnnxAttention::Value OnnxAttention::decomposed(const Inputs& inputs, const SelfAttention& layer, const Value& mask) {
  const auto split = [&](const Value& x, std::vector<int64_t> perm, const std::string& name) {
    const Value shape =
        graph_.concat({rows_.batch(), graph_.integers({-1, layer.heads, layer.head_dim})}, 0, name + "/shape");
    return graph_.transpose(graph_.node("Reshape", name + "/split", {x, shape}), std::move(perm), name + "/heads");
  };
  const Value queries = split(inputs.query, {0, 2, 1, 3}, "attention/query");
  const Value keys = split(inputs.key, {0, 2, 3, 1}, "attention/key");
  const Value values = split(inputs.value, {0, 2, 1, 3}, "attention/value");
  Value scores = graph_.node("MatMul", "attention/products", {queries, keys});
  scores = graph_.node("Mul", "attention/scores", {scores, graph_.number(static_cast<float>(layer.scale))});
  scores = graph_.node("Add", "attention/masked", {scores, mask});
  // The axis is named: before opset 13 the default is another, and the last axis means the same in all of them.
  const Value weights = graph_.node("Softmax", "attention/weights", {scores}, {{"axis", int64_t{3}}});
  const Value context = graph_.node("MatMul", "attention/context", {weights, values});
  return graph_.reshape(graph_.transpose(context, {0, 2, 1, 3}, "attention/joined"), {-1, width_of(layer)},
                        "attention/rows");
}

}  // namespace paceline
