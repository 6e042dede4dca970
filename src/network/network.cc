#include "network/network.h"

namespace paceline {
namespace {

using Visit = FunctionRef<void(const Weight&)>;

/// Visits a weight that the network has; an empty name says that it has none.
void visit_weight(const Weight& weight, Visit visit) {
  if (!weight.name.empty()) {
    visit(weight);
  }
}

void visit_dense(const Dense& dense, Visit visit) {
  visit_weight(dense.weight, visit);
  visit_weight(dense.bias, visit);
}

void visit_norm(const LayerNorm& norm, Visit visit) {
  visit_weight(norm.scale, visit);
  visit_weight(norm.bias, visit);
}

/// Operations of a dense layer for one row.
double row_flops(const Dense& dense) { return 2.0 * dense.in * dense.out; }

}  // namespace

std::string_view activation_name(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return "none";
    case Activation::kGelu:
      return "gelu";
    case Activation::kTanh:
      return "tanh";
    case Activation::kRelu:
      return "relu";
  }
  return "unknown";
}

void for_each_weight(const Network& network, FunctionRef<void(const Weight&)> visit) {
  visit_weight(network.embeddings.words, visit);
  visit_weight(network.embeddings.positions, visit);
  visit_weight(network.embeddings.token_types, visit);
  visit_norm(network.embeddings.norm, visit);
  for (const Block& block : network.blocks) {
    visit_dense(block.attention.query, visit);
    visit_dense(block.attention.key, visit);
    visit_dense(block.attention.value, visit);
    visit_dense(block.attention.output, visit);
    visit_norm(block.attention_norm, visit);
    visit_dense(block.ffn.up, visit);
    visit_dense(block.ffn.down, visit);
    visit_norm(block.ffn_norm, visit);
  }
  for (const HeadStep& step : network.head) {
    visit_dense(step.dense, visit);
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

// Dense layers and the two products of attention; norms, softmax and GELU are below 1 % of them and not counted.
double forward_flops(const Network& network, int32_t tokens) {
  double flops = 0;
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    const Block& block = network.blocks[i];
    const bool last = i + 1 == network.blocks.size();
    const double rows = last && network.pooling == Pooling::kFirstToken ? 1.0 : tokens;
    const double attended =
        4.0 * block.attention.heads * block.attention.head_dim;  // q k^T and p v, per pair of tokens
    flops += tokens * (row_flops(block.attention.key) + row_flops(block.attention.value));
    flops += rows * (row_flops(block.attention.query) + row_flops(block.attention.output) + row_flops(block.ffn.up) +
                     row_flops(block.ffn.down));
    flops += rows * tokens * attended;
  }
  for (const HeadStep& step : network.head) {
    flops += row_flops(step.dense);
  }
  return flops;
}

}  // namespace paceline
