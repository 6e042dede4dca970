#include "export/onnx_attention.h"

#include <fmt/format.h>

#include <limits>
#include <vector>

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
    const Value scores = positions_.scores(inputs.query, inputs.key, layer, types);
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
  return graph_.node("Add", "attention/bias", {visible, positions_.distance_bias()});
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
