#include "model/pass/pass_memory.h"

#include <algorithm>
#include <cstddef>

#include "model/pass/pass_rows.h"

namespace paceline {
namespace {

constexpr std::size_t kLineBytes = 64;

}  // namespace

/// Deals out areas of one block of memory, of none to find its size.
class PassMemory::Layout {
 public:
  explicit Layout(std::byte* memory) : memory_(memory) {}

  std::size_t used() const { return used_; }

  Rows rows(int32_t count, int32_t width) { return floats_of(numbers(NumberType::kFp32, count, width)); }

  NumberRows numbers(NumberType type, int32_t count, int32_t width) {
    const auto values = static_cast<std::size_t>(width) * value_bytes(type);
    const std::size_t stride = (values + kLineBytes - 1) / kLineBytes * kLineBytes + kLineBytes;
    NumberRows made{.data = take(static_cast<std::size_t>(count) * stride), .stride = stride};
    if (type == NumberType::kInt8) {
      made.scales = reinterpret_cast<RowScale*>(take(static_cast<std::size_t>(count) * sizeof(RowScale)));
    }
    return made;
  }

  /// Where a product of `type` reads what is in `rows`.
  NumberRows input(NumberType type, Rows rows, int32_t count, int32_t width) {
    return type == NumberType::kFp32 ? numbers_of(rows) : numbers(type, count, width);
  }

  /// Rows without gaps.
  Rows dense_rows(int32_t count, int32_t width) {
    return {floats(static_cast<std::size_t>(count) * static_cast<std::size_t>(width)), static_cast<std::size_t>(width)};
  }

  float* floats(std::size_t count) { return reinterpret_cast<float*>(take(count * sizeof(float))); }

 private:
  std::byte* take(std::size_t bytes) {
    std::byte* area = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
    return area;
  }

  std::byte* memory_;
  std::size_t used_ = 0;
};

PassMemory::PassMemory(const Network& network, const ModelWeights& weights, const Kernels& kernels, int32_t tokens) {
  Layout empty(nullptr);
  place(empty, network, weights, kernels, tokens);
  memory_ = AlignedBuffer(empty.used());
  Layout layout(memory_.data());
  place(layout, network, weights, kernels, tokens);
}

void PassMemory::place(Layout& layout, const Network& network, const ModelWeights& weights, const Kernels& kernels,
                       int32_t tokens) {
  int32_t qkv_width = 0;
  int32_t inner_width = 0;
  int32_t head_width = network.hidden_size;
  std::size_t scratch = 0;
  bool gated = false;
  bool norm_before = false;
  for (const BlockWeights& block : weights.blocks) {
    qkv_width = std::max(qkv_width, block.query_key_value.width());
    inner_width = std::max(inner_width, block.up.width());
    head_width = std::max(head_width, block.heads * block.head_dim);
    scratch = std::max(scratch, kernels.attention_scratch(network.max_tokens, block.head_dim));
    gated |= !block.gate.panels().empty();
    norm_before |= block.norm_before;
  }
  for (const HeadWeights& step : weights.head) head_width = std::max(head_width, step.dense.width());
  if (weights.last_layer == LastLayer::kPooledHidden) {
    scratch = std::max(scratch, kernels.attention_scratch(network.max_tokens, network.hidden_size));
  }

  const NumberType type = weights.type;
  const int32_t width = network.hidden_size;
  const int32_t inner_rows = std::min(tokens, kInnerRows);
  hidden = layout.rows(tokens, width);
  normed = norm_before ? layout.rows(tokens, width) : hidden;
  normed_in = layout.input(type, normed, tokens, width);
  if (weights.projection.panels().empty()) {
    embedded = hidden;
    embedded_in = normed_in;
  } else {
    embedded = layout.rows(tokens, network.embedding_size());
    embedded_in = layout.input(type, embedded, tokens, network.embedding_size());
  }
  query_key_value = layout.numbers(weights.narrow_type(), tokens, qkv_width);
  context = layout.rows(tokens, head_width);
  context_in = layout.input(type, context, tokens, head_width);
  inner = layout.rows(type == NumberType::kBf16 && !gated ? 0 : inner_rows, inner_width);
  inner_in = layout.input(type, inner, inner_rows, inner_width);
  pooled = layout.rows(tokens, width);
  pooled_normed = norm_before ? layout.rows(tokens, width) : pooled;
  pooled_in = layout.input(type, pooled_normed, tokens, width);
  pooled_query = layout.rows(tokens, head_width);
  attention_scratch = layout.floats(scratch);
  place_pooled(layout, network, weights, tokens);
  place_positions(layout, network, weights);
  if (weights.convolution.exists()) {
    convolution_in = layout.dense_rows(tokens + (tokens + 1) * (weights.convolution.kernel / 2), width);
    convolution_out = layout.rows(tokens, width);
  }
}

void PassMemory::place_pooled(Layout& layout, const Network& network, const ModelWeights& weights, int32_t tokens) {
  if (weights.last_layer != LastLayer::kPooledHidden) return;
  const NumberType narrow = weights.narrow_type();
  const SelfAttention& attention = network.layer(network.layers.size() - 1).attention;
  const int32_t mixed_rows = std::min(tokens, kPooledSequences) * attention.heads;
  const int32_t query_width = std::max(network.hidden_size, attention.heads * attention.head_dim);
  query_in = layout.input(narrow, pooled_query, tokens, query_width);
  mixed = layout.rows(mixed_rows, network.hidden_size);
  mixed_in = layout.input(narrow, mixed, mixed_rows, network.hidden_size);
}

void PassMemory::place_positions(Layout& layout, const Network& network, const ModelWeights& weights) {
  int32_t columns = 0;
  for (const BlockWeights& block : weights.blocks) {
    for (const auto* layers : {&block.positions.keys, &block.positions.queries}) {
      if (!layers->empty()) columns = std::max(columns, layers->front().width());
    }
  }
  if (columns == 0) return;
  query_scores = layout.rows(kScoreRows, columns);
  segment_scores = layout.rows(kScoreRows, 2);
  key_scores = layout.rows(network.max_tokens, columns);
  score_bias = layout.rows(kScoreRows, network.max_tokens);
}

}  // namespace paceline
