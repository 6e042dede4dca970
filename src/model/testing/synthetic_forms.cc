#include <cmath>
#include <string>

#include "model/testing/synthetic_model.h"
#include "network/rotary.h"

namespace paceline {

void SyntheticModel::take_form(const SyntheticSizes& sizes) {
  switch (sizes.form) {
    case SyntheticForm::kRoberta:
      return;
    case SyntheticForm::kAlbert:
      return become_albert(sizes);
    case SyntheticForm::kMpnet:
      return become_mpnet(sizes);
    case SyntheticForm::kModernBert:
      return become_modern_bert(sizes);
    case SyntheticForm::kGpt2:
      return become_gpt2(sizes);
    case SyntheticForm::kDeberta:
      return become_deberta(sizes);
    case SyntheticForm::kXlnet:
      return become_xlnet(sizes);
  }
}

void SyntheticModel::become_albert(const SyntheticSizes& sizes) {
  const int32_t width = sizes.hidden / 2 + 1;
  Embeddings& embeddings = network_.embeddings;
  embeddings.words = add("narrow.words", {sizes.vocab, width}, 0, 1);
  embeddings.positions = add("narrow.positions", {sizes.max_tokens, width}, 0, 0.5F);
  embeddings.position_offset = 0;
  embeddings.uncounted_id = -1;
  embeddings.token_types = {};
  embeddings.norm = add_norm("narrow.norm", width);
  embeddings.projection = add_dense("projection", width, sizes.hidden);
  network_.layers = {0, 1, 0, 0};
  network_.layers.resize(sizes.blocks > 1 ? 4 : 1);
  for (Block& block : network_.blocks) block.ffn.activation = Activation::kGeluTanh;
}

void SyntheticModel::become_mpnet(const SyntheticSizes& sizes) {
  network_.embeddings.token_types = {};
  network_.relative = {.kind = RelativeKind::kBias,
                       .table = add("distances", {16, sizes.heads}, 0, 1.5F),
                       .buckets = 16,
                       .max_distance = 40};
  for (Block& block : network_.blocks) block.ffn.activation = Activation::kSilu;
}

void SyntheticModel::become_modern_bert(const SyntheticSizes& sizes) {
  network_.embeddings.positions = {};
  network_.embeddings.token_types = {};
  network_.embeddings.norm.bias = {};
  network_.pooling = Pooling::kMean;
  network_.final_norm = add_norm("final", sizes.hidden);
  for (std::size_t i = 0; i < network_.blocks.size(); ++i) {
    Block& block = network_.blocks[i];
    const std::string name = "gated" + std::to_string(i);
    Dense both = add_dense(name + ".both", sizes.hidden, 2 * sizes.inner);
    both.out = sizes.inner;
    both.bias = {};
    block.ffn.up = both;
    both.first = sizes.inner;
    block.ffn.gate = both;
    block.norm_before = true;
    block.ffn_norm.bias = {};
    if (i == 0) block.attention_norm = {};
    block.attention.rotary = plain_rotary(i == 0 ? 160000 : 10000, block.attention.head_dim);
    // A factor and scaled frequencies, as yarn has them.
    if (i > 1) block.attention.rotary.factor = 1.25;
    if (i > 1) block.attention.rotary.frequencies.front() /= 4;
    if (i > 0) block.attention.visible_before = block.attention.visible_after = 6;
    for (Dense* dense : {&block.attention.query, &block.attention.key, &block.attention.value, &block.ffn.down}) {
      dense->bias = {};
    }
  }
  if (!network_.head.empty()) {
    network_.head.front().activation = Activation::kGelu;
    network_.head.front().norm = add_norm("head.norm", sizes.hidden);
  }
}

void SyntheticModel::become_gpt2(const SyntheticSizes& sizes) {
  network_.embeddings.token_types = {};
  network_.embeddings.norm = {};
  network_.embeddings.position_offset = 0;
  network_.embeddings.uncounted_id = -1;
  network_.pooling = Pooling::kLastToken;
  network_.pooling_skips = 3;
  network_.final_norm = add_norm("final", sizes.hidden);
  for (std::size_t i = 0; i < network_.blocks.size(); ++i) {
    Block& block = network_.blocks[i];
    SelfAttention& attention = block.attention;
    const std::string name = "joined" + std::to_string(i);
    const int32_t width = attention.heads * attention.head_dim;
    const float spread = std::sqrt(3.0F / static_cast<float>(sizes.hidden));
    const Weight weight = add(name + ".weight", {sizes.hidden, 3 * width}, 0, spread);
    const Weight bias = add(name + ".bias", {3 * width}, 0, 0.2F);
    int32_t first = 0;
    for (Dense* dense : {&attention.query, &attention.key, &attention.value}) {
      *dense = {.weight = weight, .bias = bias, .in = sizes.hidden, .out = width, .first = first, .transposed = true};
      first += width;
    }
    attention.visible_after = 0;
    block.norm_before = true;
    block.ffn.activation = Activation::kGeluTanh;
  }
  if (!network_.head.empty()) {
    network_.head = {{add_dense("score", sizes.hidden, sizes.labels), Activation::kNone}};
    network_.head.front().dense.bias = {};
  }
}

void SyntheticModel::become_deberta(const SyntheticSizes& sizes) {
  const int32_t width = sizes.hidden - 3;
  Embeddings& embeddings = network_.embeddings;
  embeddings.words = add("narrow.words", {sizes.vocab, width}, 0, 1);
  embeddings.positions = {};
  embeddings.token_types = add("narrow.types", {sizes.token_types, width}, 0, 0.5F);
  embeddings.projection = add_dense("projection", width, sizes.hidden);
  embeddings.projection.bias = {};
  embeddings.project_first = true;
  constexpr int32_t kSpan = 12;
  network_.relative = {.kind = RelativeKind::kLearned,
                       .table = add("distances", {2 * kSpan, sizes.hidden}, 0, 1),
                       .norm = add_norm("distances.norm", sizes.hidden),
                       .buckets = kSpan,
                       .max_distance = sizes.max_tokens,
                       .span = kSpan};
  for (std::size_t i = 0; i < network_.blocks.size(); ++i) {
    SelfAttention& attention = network_.blocks[i].attention;
    attention.position_key =
        i == 0 ? attention.key
               : add_dense("pk" + std::to_string(i), sizes.hidden, attention.heads * attention.head_dim);
    attention.position_query = attention.query;
    if (i == 1) attention.position_query = {};
    attention.scale /= std::sqrt(3.0);
  }
  network_.convolution = {.weight = add("convolution.weight", {sizes.hidden, sizes.hidden, 3}, 0, 0.2F),
                          .bias = add("convolution.bias", {sizes.hidden}, 0, 0.2F),
                          .kernel = 3,
                          .norm = add_norm("convolution.norm", sizes.hidden)};
}

void SyntheticModel::become_xlnet(const SyntheticSizes& sizes) {
  Embeddings& embeddings = network_.embeddings;
  embeddings.positions = {};
  embeddings.token_types = {};
  embeddings.norm = {};
  network_.pooling = Pooling::kLastToken;
  network_.relative = {.kind = RelativeKind::kSinusoid, .max_distance = 30};
  for (std::size_t i = 0; i < network_.blocks.size(); ++i) {
    Block& block = network_.blocks[i];
    SelfAttention& attention = block.attention;
    const std::string name = "relative" + std::to_string(i);
    const Shape heads{attention.heads, attention.head_dim};
    for (Dense* dense : {&attention.query, &attention.key, &attention.value}) {
      dense->bias = {};
      dense->transposed = true;
    }
    attention.position_key = add_dense(name, sizes.hidden, attention.heads * attention.head_dim);
    attention.position_key.bias = {};
    attention.content_bias = add(name + ".content", heads, 0, 0.5F);
    attention.position_bias = add(name + ".position", heads, 0, 0.5F);
    attention.segment_bias = add(name + ".segment", heads, 0, 0.5F);
    attention.segments = add(name + ".segments", {2, attention.heads, attention.head_dim}, 0, 1);
    block.ffn.activation = Activation::kMish;
  }
}

}  // namespace paceline
