#include "model/testing/synthetic_model.h"

#include <cmath>
#include <functional>
#include <numeric>
#include <random>

namespace paceline {

SyntheticModel::SyntheticModel(const SyntheticSizes& sizes) : random_(uint64_t{sizes.seed} * 2 + 1) {
  network_.architecture = "roberta";
  network_.vocab_size = sizes.vocab;
  network_.hidden_size = sizes.hidden;
  network_.intermediate_size = sizes.inner;
  network_.max_tokens = sizes.max_tokens;
  network_.token_types = sizes.token_types;
  network_.pad_token_id = 1;
  Embeddings& embeddings = network_.embeddings;
  embeddings.words = add("words", {sizes.vocab, sizes.hidden}, 0, 1);
  embeddings.position_offset = network_.pad_token_id + 1;
  embeddings.uncounted_id = network_.pad_token_id;
  embeddings.positions = add("positions", {sizes.max_tokens + embeddings.position_offset, sizes.hidden}, 0, 0.5F);
  embeddings.token_types = add("types", {sizes.token_types, sizes.hidden}, 0, 0.5F);
  embeddings.norm = add_norm("norm", sizes.hidden);
  for (int32_t i = 0; i < sizes.blocks; ++i) {
    network_.blocks.push_back(add_block("block" + std::to_string(i), sizes));
    network_.layers.push_back(i);
  }
  network_.outputs = sizes.hidden;
  if (sizes.labels > 0) {
    network_.head.push_back({add_dense("head.dense", sizes.hidden, sizes.hidden), Activation::kTanh});
    network_.head.push_back({add_dense("head.out", sizes.hidden, sizes.labels), Activation::kNone});
    network_.outputs = sizes.labels;
  }
  take_form(sizes);
}

WeightSource SyntheticModel::source() const {
  return [this](const Weight& weight) -> const TensorView& { return tensors_.at(weight.name).view; };
}

PackedBatch SyntheticModel::batch(const std::vector<int32_t>& lengths, uint32_t seed) const {
  std::mt19937 generator(seed);
  PackedBatch batch;
  for (const int32_t length : lengths) {
    for (int32_t i = 0; i < length; ++i) {
      batch.input_ids.push_back(static_cast<int32_t>(generator() % static_cast<uint32_t>(network_.vocab_size)));
      if (network_.token_types > 1) {
        batch.token_type_ids.push_back(static_cast<int32_t>(generator() % static_cast<uint32_t>(network_.token_types)));
      }
    }
    batch.cu_seqlens.push_back(batch.cu_seqlens.back() + length);
    batch.max_seqlen = std::max(batch.max_seqlen, length);
  }
  return batch;
}

Weight SyntheticModel::add(const std::string& name, Shape shape, float centre, float spread) {
  Stored& stored = tensors_[name];
  stored.view.shape = shape;
  stored.values.resize(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
  // Marsaglia's xorshift: the filling of 110M weights has to be quick, not good.
  for (float& value : stored.values) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    value = centre + spread * (static_cast<float>(random_ >> 40) / static_cast<float>(1 << 23) - 1.0F);
  }
  stored.view.bytes = std::as_bytes(std::span(stored.values));
  return {name, std::move(shape)};
}

Dense SyntheticModel::add_dense(const std::string& name, int32_t in, int32_t out) {
  // Uniform in +-sqrt(3 / in): outputs of unit variance for inputs of unit variance.
  const float spread = std::sqrt(3.0F / static_cast<float>(in));
  return {.weight = add(name + ".weight", {out, in}, 0, spread),
          .bias = add(name + ".bias", {out}, 0, 0.2F),
          .in = in,
          .out = out};
}

LayerNorm SyntheticModel::add_norm(const std::string& name, int32_t width) {
  return {
      .scale = add(name + ".scale", {width}, 1, 0.2F), .bias = add(name + ".bias", {width}, 0, 0.2F), .epsilon = 1e-5};
}

Block SyntheticModel::add_block(const std::string& name, const SyntheticSizes& sizes) {
  Block block;
  SelfAttention& attention = block.attention;
  attention.query = add_dense(name + ".query", sizes.hidden, sizes.hidden);
  attention.key = add_dense(name + ".key", sizes.hidden, sizes.hidden);
  attention.value = add_dense(name + ".value", sizes.hidden, sizes.hidden);
  attention.output = add_dense(name + ".output", sizes.hidden, sizes.hidden);
  attention.heads = sizes.heads;
  attention.head_dim = sizes.hidden / sizes.heads;
  attention.scale = 1 / std::sqrt(static_cast<double>(attention.head_dim));
  block.attention_norm = add_norm(name + ".attention_norm", sizes.hidden);
  block.ffn.up = add_dense(name + ".up", sizes.hidden, sizes.inner);
  block.ffn.down = add_dense(name + ".down", sizes.inner, sizes.hidden);
  block.ffn_norm = add_norm(name + ".ffn_norm", sizes.hidden);
  return block;
}

}  // namespace paceline
