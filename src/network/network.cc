#include "network/network.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

namespace paceline {
namespace {

using VisitWeight = FunctionRef<void(const Weight&)>;
using VisitDense = FunctionRef<void(const Dense&)>;

/// Visits the weights that a network has, each tensor once: layers may share them, and parts of one tensor. And its
/// dense layers.
class Visitor {
 public:
  Visitor(VisitWeight visit_weight, VisitDense visit_dense) : visit_weight_(visit_weight), visit_dense_(visit_dense) {}

  void weight(const Weight& weight) {
    if (weight.exists() && seen_.insert(weight.name).second) visit_weight_(weight);
  }
  void dense(const Dense& dense) {
    if (dense.exists()) visit_dense_(dense);
    weight(dense.weight);
    weight(dense.bias);
  }
  void norm(const LayerNorm& norm) {
    weight(norm.scale);
    weight(norm.bias);
  }
  void block(const Block& block) {
    const SelfAttention& attention = block.attention;
    for (const Dense* dense : {&attention.query, &attention.key, &attention.value, &attention.position_key,
                               &attention.position_query, &attention.output}) {
      this->dense(*dense);
    }
    for (const Weight* bias :
         {&attention.content_bias, &attention.position_bias, &attention.segment_bias, &attention.segments}) {
      weight(*bias);
    }
    norm(block.attention_norm);
    dense(block.ffn.up);
    dense(block.ffn.gate);
    dense(block.ffn.down);
    norm(block.ffn_norm);
  }

  void all(const Network& network) {
    weight(network.embeddings.words);
    weight(network.embeddings.positions);
    weight(network.embeddings.token_types);
    norm(network.embeddings.norm);
    dense(network.embeddings.projection);
    weight(network.relative.table);
    norm(network.relative.norm);
    for (const Block& block : network.blocks) this->block(block);
    weight(network.convolution.weight);
    weight(network.convolution.bias);
    norm(network.convolution.norm);
    norm(network.final_norm);
    for (const HeadStep& step : network.head) {
      dense(step.dense);
      norm(step.norm);
    }
  }

 private:
  VisitWeight visit_weight_;
  VisitDense visit_dense_;
  std::set<std::string_view> seen_;
};

/// Operations of a dense layer for one row.
double row_flops(const Dense& dense) { return 2.0 * dense.in * dense.out; }

}  // namespace

std::string_view activation_name(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return "none";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_new";
    case Activation::kTanh:
      return "tanh";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      return "silu";
    case Activation::kMish:
      return "mish";
  }
  return "unknown";
}

double Rotary::cosine(int32_t place, std::size_t d) const { return factor * std::cos(place * frequencies[d]); }

double Rotary::sine(int32_t place, std::size_t d) const { return factor * std::sin(place * frequencies[d]); }

VisibleKeys visible_keys(const SelfAttention& attention, int32_t place, int32_t tokens) {
  const int32_t before = attention.visible_before;
  const int32_t after = attention.visible_after;
  return {.begin = before < 0 ? 0 : std::max(0, place - before),
          .end = after < 0 || after >= tokens - place ? tokens : place + after + 1};
}

double visible_pairs(const SelfAttention& attention, int32_t tokens) {
  // The sum of min(place, limit) over all places.
  const auto on_one_side = [tokens](int32_t limit) {
    const double all = tokens - 1;
    const double most = limit < 0 ? all : std::min<double>(limit, all);
    return most * (most + 1) / 2 + (all - most) * most;
  };
  return tokens + on_one_side(attention.visible_before) + on_one_side(attention.visible_after);
}

double position_rows_met(const RelativePositions& relative, int32_t tokens) {
  const double distances = 2.0 * tokens - 1;
  return relative.kind == RelativeKind::kLearned ? std::min(distances, 2.0 * relative.span) : distances;
}

int32_t pooled_place(const Network& network, std::span<const int32_t> ids) {
  if (network.pooling != Pooling::kLastToken) return 0;
  auto place = static_cast<int32_t>(ids.size()) - 1;
  while (place > 0 && ids[static_cast<std::size_t>(place)] == network.pooling_skips) --place;
  return place;
}

void for_each_weight(const Network& network, FunctionRef<void(const Weight&)> visit) {
  const auto no_dense = [](const Dense&) {};
  Visitor visitor(visit, no_dense);
  visitor.all(network);
}

void for_each_dense(const Network& network, FunctionRef<void(const Dense&)> visit) {
  const auto no_weight = [](const Weight&) {};
  Visitor visitor(no_weight, visit);
  visitor.all(network);
}

void leave_out_token_types(Network& network) {
  network.token_types = 1;
  if (network.without_types == WithoutTypes::kFirst) return;
  network.embeddings.token_types = {};
  for (Block& block : network.blocks) {
    block.attention.segment_bias = {};
    block.attention.segments = {};
  }
}

int64_t parameter_count(const Network& network) {
  int64_t total = 0;
  for_each_weight(network, [&](const Weight& weight) {
    int64_t count = 1;
    for (const int64_t size : weight.shape) {
      count *= size;
    }
    total += count;
  });
  return total;
}

// Dense layers and the products of attention; norms, softmax and activations are below 1 % of them and not counted.
double forward_flops(const Network& network, int32_t tokens) {
  double flops = tokens * row_flops(network.embeddings.projection);
  const Convolution& convolution = network.convolution;
  if (convolution.exists()) {
    flops += 2.0 * tokens * network.hidden_size * network.hidden_size / convolution.groups * convolution.kernel;
  }
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Block& block = network.layer(i);
    const SelfAttention& attention = block.attention;
    const bool pooled = i + 1 == network.layers.size() && network.pools_one_row();
    const double rows = pooled ? 1.0 : tokens;
    const int32_t pooled_place = network.pooling == Pooling::kLastToken ? tokens - 1 : 0;
    const double pairs =
        pooled ? visible_keys(attention, pooled_place, tokens).size() : visible_pairs(attention, tokens);
    const double width = static_cast<double>(attention.heads) * attention.head_dim;
    const double distances = position_rows_met(network.relative, tokens);
    flops += tokens * (row_flops(attention.key) + row_flops(attention.value));
    flops += rows * (row_flops(attention.query) + row_flops(attention.output) + row_flops(block.ffn.up) +
                     row_flops(block.ffn.gate) + row_flops(block.ffn.down));
    flops += 4.0 * pairs * width;  // q k^T and p v
    if (attention.position_key.exists()) flops += 2.0 * rows * distances * width;
    if (attention.position_query.exists()) flops += 2.0 * tokens * distances * width;
    if (attention.segments.exists()) flops += 2.0 * rows * 2 * width;
  }
  for (const HeadStep& step : network.head) flops += row_flops(step.dense);
  return flops;
}

}  // namespace paceline
