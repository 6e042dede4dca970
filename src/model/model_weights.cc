#include "model/model_weights.h"

#include <fmt/format.h>

#include <numbers>
#include <string>

#include "model/weight_check.h"
#include "model/weight_packer.h"
#include "paceline/error.h"

namespace paceline {
namespace {

Epilogue epilogue_of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return Epilogue::kStore;
    case Activation::kGelu:
      return Epilogue::kGelu;
    case Activation::kTanh:
      return Epilogue::kTanh;
    case Activation::kRelu:
      return Epilogue::kRelu;
    case Activation::kGeluTanh:
    case Activation::kSilu:
    case Activation::kMish:
      break;
  }
  throw Error(ErrorCode::kUnsupported, fmt::format("[native] activation {} has no kernel. Use another backend.",
                                                   std::string(activation_name(activation))));
}

NormWeights read_norm(const LayerNorm& norm, const WeightSource& source) {
  return {.scale = finite_values(source, norm.scale),
          .bias = finite_values(source, norm.bias),
          .epsilon = static_cast<float>(norm.epsilon)};
}

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

/// `last`: its attention is pooled.
void add_block(const Block& block, const WeightSource& source, bool last, WeightPacker& packer, BlockWeights& weights,
               ModelWeights& all) {
  const SelfAttention& attention = block.attention;
  const auto query_factor = static_cast<float>(attention.scale * std::numbers::log2e);
  if (!last) {
    packer.add_layer(weights.query_key_value, all.type,
                     {{&attention.query, query_factor}, {&attention.key}, {&attention.value}});
  } else {
    add_pooled_attention(attention, query_factor, all.narrow_type(), packer, all.pooled_attention);
  }
  packer.add_layer(weights.attention_output, all.type, {{&attention.output}});
  packer.add_layer(weights.up, all.type, {{&block.ffn.up}});
  packer.add_layer(weights.down, all.type, {{&block.ffn.down}});
  weights.activation = epilogue_of(block.ffn.activation);
  weights.attention_norm = read_norm(block.attention_norm, source);
  weights.ffn_norm = read_norm(block.ffn_norm, source);
  weights.heads = attention.heads;
  weights.head_dim = attention.head_dim;
}

void add_embeddings(const Embeddings& embeddings, int32_t width, const WeightSource& source, WeightPacker& packer,
                    ModelWeights& weights) {
  packer.add_table(weights.words, embeddings.words);
  packer.add_table(weights.positions, embeddings.positions);
  if (embeddings.token_types.name.empty()) {
    weights.no_token_types.resize(static_cast<std::size_t>(width));
    weights.token_types = weights.no_token_types;
  } else {
    packer.add_table(weights.token_types, embeddings.token_types);
  }
  weights.embedding_norm = read_norm(embeddings.norm, source);
}

}  // namespace

std::size_t ModelWeights::bytes() const {
  std::size_t sum = memory.size() + no_token_types.size() * sizeof(float) + embedding_norm.bytes();
  for (const BlockWeights& block : blocks) sum += block.attention_norm.bytes() + block.ffn_norm.bytes();
  return sum;
}

ModelWeights load_weights(const Network& network, const WeightSource& source, const SourceRelease& release,
                          const Kernels& kernels, NumberType type, ThreadPool& pool) {
  ModelWeights weights;
  weights.type = type;
  WeightPacker packer(source, kernels);
  add_embeddings(network.embeddings, network.hidden_size, source, packer, weights);
  weights.blocks.resize(network.blocks.size());
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    const bool last = i + 1 == network.blocks.size();
    add_block(network.blocks[i], source, last, packer, weights.blocks[i], weights);
  }
  weights.head.resize(network.head.size());
  for (std::size_t i = 0; i < network.head.size(); ++i) {
    packer.add_layer(weights.head[i].dense, NumberType::kFp32, {{&network.head[i].dense}});
    weights.head[i].activation = epilogue_of(network.head[i].activation);
  }
  weights.memory = packer.pack(pool, release);
  return weights;
}

}  // namespace paceline
