#include "model/testing/synthetic_model.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace paceline {

SyntheticModel::SyntheticModel(const SyntheticSizes& sizes) : weights_(sizes.seed) {
  network_.architecture = "roberta";
  network_.vocab_size = sizes.vocab;
  network_.hidden_size = sizes.hidden;
  network_.intermediate_size = sizes.inner;
  network_.max_tokens = sizes.max_tokens;
  network_.token_types = sizes.token_types;
  network_.pad_token_id = 1;
  Embeddings& embeddings = network_.embeddings;
  embeddings.words = weights_.add("words", {sizes.vocab, sizes.hidden}, 0, 1);
  embeddings.position_offset = network_.pad_token_id + 1;
  embeddings.uncounted_id = network_.pad_token_id;
  embeddings.positions =
      weights_.add("positions", {sizes.max_tokens + embeddings.position_offset, sizes.hidden}, 0, 0.5F);
  embeddings.token_types = weights_.add("types", {sizes.token_types, sizes.hidden}, 0, 0.5F);
  embeddings.norm = weights_.add_norm("norm", sizes.hidden);
  for (int32_t i = 0; i < sizes.blocks; ++i) {
    network_.blocks.push_back(add_block("block" + std::to_string(i), sizes));
    network_.layers.push_back(i);
  }
  network_.outputs = sizes.hidden;
  if (sizes.labels > 0) {
    network_.head.push_back({weights_.add_dense("head.dense", sizes.hidden, sizes.hidden), Activation::kTanh});
    network_.head.push_back({weights_.add_dense("head.out", sizes.hidden, sizes.labels), Activation::kNone});
    network_.outputs = sizes.labels;
  }
  take_form(sizes, network_, weights_);
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

Block SyntheticModel::add_block(const std::string& name, const SyntheticSizes& sizes) {
  Block block;
  SelfAttention& attention = block.attention;
  attention.query = weights_.add_dense(name + ".query", sizes.hidden, sizes.hidden);
  attention.key = weights_.add_dense(name + ".key", sizes.hidden, sizes.hidden);
  attention.value = weights_.add_dense(name + ".value", sizes.hidden, sizes.hidden);
  attention.output = weights_.add_dense(name + ".output", sizes.hidden, sizes.hidden);
  attention.heads = sizes.heads;
  attention.head_dim = sizes.hidden / sizes.heads;
  attention.scale = 1 / std::sqrt(static_cast<double>(attention.head_dim));
  block.attention_norm = weights_.add_norm(name + ".attention_norm", sizes.hidden);
  block.ffn.up = weights_.add_dense(name + ".up", sizes.hidden, sizes.inner);
  block.ffn.down = weights_.add_dense(name + ".down", sizes.inner, sizes.hidden);
  block.ffn_norm = weights_.add_norm(name + ".ffn_norm", sizes.hidden);
  return block;
}

}  // namespace paceline
