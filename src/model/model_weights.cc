#include "model/model_weights.h"

#include <algorithm>
#include <numbers>

#include "model/epilogue.h"
#include "model/weight_packer.h"

namespace paceline {
namespace {

void add_pooled_attention(const SelfAttention& attention, float query_factor, NumberType type, WeightPacker& packer,
                          PooledAttentionWeights& weights) {
  packer.add_layer(weights.query, type, {{&attention.query, query_factor}});
  weights.keys.resize(static_cast<std::size_t>(attention.heads));
  weights.values.resize(static_cast<std::size_t>(attention.heads));
  for (int32_t head = 0; head < attention.heads; ++head) {
    const DensePart key{
        .dense = &attention.key, .first = head * attention.head_dim, .count = attention.head_dim, .transposed = true};
    const DensePart value{.dense = &attention.value, .first = key.first, .count = key.count};
    packer.add_layer(weights.keys[static_cast<std::size_t>(head)], type, {key});
    packer.add_layer(weights.values[static_cast<std::size_t>(head)], type, {value});
  }
}

/// Cosines and sines in double, as far as fp32 holds them.
RotaryTable make_rotary_table(const Rotary& rotary, int32_t max_tokens) {
  RotaryTable table{.rotary = rotary, .turns = {}};
  const std::size_t half = rotary.frequencies.size();
  table.turns.reserve(static_cast<std::size_t>(max_tokens) * 2 * half);
  for (int32_t place = 0; place < max_tokens; ++place) {
    for (std::size_t d = 0; d < half; ++d) table.turns.push_back(static_cast<float>(rotary.cosine(place, d)));
    for (std::size_t d = 0; d < half; ++d) table.turns.push_back(static_cast<float>(rotary.sine(place, d)));
  }
  return table;
}

/// Loads a network's weights part by part.
class Loader {
 public:
  Loader(const Network& network, const WeightSource& source, const Kernels& kernels, ModelWeights& weights)
      : network_(network), source_(source), kernels_(kernels), packer_(source, kernels), weights_(weights) {}

  void load(ThreadPool& pool) {
    weights_.last_layer = last_layer_of(network_);
    add_embeddings();
    add_rotary_tables();
    weights_.relative = load_relative_weights(network_, source_);
    weights_.blocks.resize(network_.blocks.size());
    for (std::size_t i = 0; i < network_.blocks.size(); ++i) add_block(i);
    if (weights_.last_layer == LastLayer::kPooledHidden) {
      const SelfAttention& attention = network_.layer(network_.layers.size() - 1).attention;
      add_pooled_attention(attention, query_factor(attention), weights_.narrow_type(), packer_,
                           weights_.pooled_attention);
    }
    weights_.convolution = load_convolution(network_.convolution, source_, kernels_);
    weights_.final_norm = load_norm(network_.final_norm, source_);
    add_head();
    weights_.memory = packer_.pack(pool);
    if (shares_words()) weights_.token_types = weights_.words;
    add_position_heads();
  }

 private:
  static float query_factor(const SelfAttention& attention) {
    return static_cast<float>(attention.scale * std::numbers::log2e);
  }

  /// XLM takes its token types from the table of words.
  bool shares_words() const { return network_.embeddings.token_types.name == network_.embeddings.words.name; }

  void add_table(std::span<const float>& table, const Weight& weight) {
    if (weight.exists()) {
      packer_.add_table(table, weight);
    } else {
      table = weights_.zeros;
    }
  }

  void add_embeddings() {
    const Embeddings& embeddings = network_.embeddings;
    weights_.zeros.resize(static_cast<std::size_t>(network_.embedding_size()));
    packer_.add_table(weights_.words, embeddings.words);
    add_table(weights_.positions, embeddings.positions);
    if (!shares_words()) add_table(weights_.token_types, embeddings.token_types);
    weights_.embedding_norm = load_norm(embeddings.norm, source_);
    if (embeddings.projection.exists()) {
      packer_.add_layer(weights_.projection, weights_.type, {{&embeddings.projection}});
    }
  }

  void add_rotary_tables() {
    for (const Block& block : network_.blocks) {
      const SelfAttention& attention = block.attention;
      if (attention.rotary.exists() && turns_of(attention).empty()) {
        weights_.rotary.push_back(make_rotary_table(attention.rotary, network_.max_tokens));
      }
    }
  }

  std::span<const float> turns_of(const SelfAttention& attention) const {
    for (const RotaryTable& table : weights_.rotary) {
      if (table.rotary == attention.rotary) return table.turns;
    }
    return {};
  }

  /// Whether a layer computes all rows of the block's attention, and so needs its whole QKV product.
  bool computes_all_rows(std::size_t block) const {
    const auto end = network_.layers.end() - (weights_.last_layer == LastLayer::kPooledHidden ? 1 : 0);
    return std::find(network_.layers.begin(), end, static_cast<int32_t>(block)) != end;
  }

  void add_block(std::size_t index) {
    const Block& block = network_.blocks[index];
    const SelfAttention& attention = block.attention;
    BlockWeights& weights = weights_.blocks[index];
    if (computes_all_rows(index)) {
      packer_.add_layer(weights.query_key_value, weights_.type,
                        {{.dense = &attention.query,
                          .factor = query_factor(attention),
                          .added_bias = attention.content_bias.exists() ? &attention.content_bias : nullptr},
                         {&attention.key},
                         {&attention.value}});
    }
    packer_.add_layer(weights.attention_output, weights_.type, {{&attention.output}});
    packer_.add_layer(weights.up, weights_.type, {{&block.ffn.up}});
    if (block.ffn.gate.exists()) packer_.add_layer(weights.gate, weights_.type, {{&block.ffn.gate}});
    packer_.add_layer(weights.down, weights_.type, {{&block.ffn.down}});
    weights.activation = epilogue_of(block.ffn.activation);
    weights.attention_norm = load_norm(block.attention_norm, source_);
    weights.ffn_norm = load_norm(block.ffn_norm, source_);
    weights.norm_before = block.norm_before;
    weights.heads = attention.heads;
    weights.head_dim = attention.head_dim;
    weights.visible_before = attention.visible_before;
    weights.visible_after = attention.visible_after;
    weights.turns = turns_of(attention);
  }

  void add_position_heads() {
    if (weights_.relative.columns.empty()) return;
    const std::vector<float> rows = position_rows(network_, source_, kernels_);
    for (std::size_t i = 0; i < network_.blocks.size(); ++i) {
      weights_.blocks[i].positions =
          load_position_heads(network_.blocks[i].attention, rows, source_, kernels_, weights_.narrow_type());
    }
  }

  void add_head() {
    weights_.head.resize(network_.head.size());
    for (std::size_t i = 0; i < network_.head.size(); ++i) {
      packer_.add_layer(weights_.head[i].dense, NumberType::kFp32, {{&network_.head[i].dense}});
      weights_.head[i].activation = epilogue_of(network_.head[i].activation);
      weights_.head[i].norm = load_norm(network_.head[i].norm, source_);
    }
  }

  const Network& network_;
  const WeightSource& source_;
  const Kernels& kernels_;
  WeightPacker packer_;
  ModelWeights& weights_;
};

}  // namespace

LastLayer last_layer_of(const Network& network) {
  if (!network.pools_one_row()) return LastLayer::kAllRows;
  const Block& block = network.layer(network.layers.size() - 1);
  const SelfAttention& attention = block.attention;
  const bool plain = !block.norm_before && !attention.rotary.exists() && attention.visible_before < 0 &&
                     attention.visible_after < 0 && !attention.position_key.exists() &&
                     !attention.position_query.exists() && !attention.segments.exists() &&
                     !attention.content_bias.exists();
  return plain ? LastLayer::kPooledHidden : LastLayer::kPooledRows;
}

std::size_t ModelWeights::bytes() const {
  std::size_t sum = memory.size() + zeros.size() * sizeof(float) + embedding_norm.bytes() + final_norm.bytes() +
                    relative.bytes() + convolution.dense.bytes() + convolution.norm.bytes();
  for (const RotaryTable& table : rotary) sum += table.turns.size() * sizeof(float);
  for (const BlockWeights& block : blocks) {
    sum += block.attention_norm.bytes() + block.ffn_norm.bytes() + block.positions.bytes();
  }
  for (const HeadWeights& step : head) sum += step.norm.bytes();
  return sum;
}

ModelWeights load_weights(const Network& network, const WeightSource& source, const Kernels& kernels, NumberType type,
                          ThreadPool& pool) {
  ModelWeights weights;
  weights.type = type;
  Loader(network, source, kernels, weights).load(pool);
  return weights;
}

}  // namespace paceline
