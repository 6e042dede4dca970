#include "model/testing/synthetic_forms.h"

#include <cmath>
#include <string>

#include "network/rotary.h"

namespace paceline {
namespace {

void become_albert(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  const int32_t width = sizes.hidden / 2 + 1;
  Embeddings& embeddings = network.embeddings;
  embeddings.words = weights.add("narrow.words", {sizes.vocab, width}, 0, 1);
  embeddings.positions = weights.add("narrow.positions", {sizes.max_tokens, width}, 0, 0.5F);
  embeddings.position_offset = 0;
  embeddings.uncounted_id = -1;
  embeddings.token_types = {};
  embeddings.norm = weights.add_norm("narrow.norm", width);
  embeddings.projection = weights.add_dense("projection", width, sizes.hidden);
  network.layers = {0, 1, 0, 0};
  network.layers.resize(sizes.blocks > 1 ? 4 : 1);
  for (Block& block : network.blocks) block.ffn.activation = Activation::kGeluTanh;
}

void become_mpnet(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  network.embeddings.token_types = {};
  network.relative = {.kind = RelativeKind::kBias,
                      .table = weights.add("distances", {16, sizes.heads}, 0, 1.5F),
                      .buckets = 16,
                      .max_distance = 40};
  for (Block& block : network.blocks) block.ffn.activation = Activation::kSilu;
}

void become_modern_bert(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  network.embeddings.positions = {};
  network.embeddings.token_types = {};
  network.embeddings.norm.bias = {};
  network.pooling = Pooling::kMean;
  network.final_norm = weights.add_norm("final", sizes.hidden);
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    Block& block = network.blocks[i];
    const std::string name = "gated" + std::to_string(i);
    Dense both = weights.add_dense(name + ".both", sizes.hidden, 2 * sizes.inner);
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
  if (!network.head.empty()) {
    network.head.front().activation = Activation::kGelu;
    network.head.front().norm = weights.add_norm("head.norm", sizes.hidden);
  }
}

void become_gpt2(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  network.embeddings.token_types = {};
  network.embeddings.norm = {};
  network.embeddings.position_offset = 0;
  network.embeddings.uncounted_id = -1;
  network.pooling = Pooling::kLastToken;
  network.pooling_skips = 3;
  network.final_norm = weights.add_norm("final", sizes.hidden);
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    Block& block = network.blocks[i];
    SelfAttention& attention = block.attention;
    const std::string name = "joined" + std::to_string(i);
    const int32_t width = attention.heads * attention.head_dim;
    const float spread = std::sqrt(3.0F / static_cast<float>(sizes.hidden));
    const Weight weight = weights.add(name + ".weight", {sizes.hidden, 3 * width}, 0, spread);
    const Weight bias = weights.add(name + ".bias", {3 * width}, 0, 0.2F);
    int32_t first = 0;
    for (Dense* dense : {&attention.query, &attention.key, &attention.value}) {
      *dense = {.weight = weight, .bias = bias, .in = sizes.hidden, .out = width, .first = first, .transposed = true};
      first += width;
    }
    attention.visible_after = 0;
    block.norm_before = true;
    block.ffn.activation = Activation::kGeluTanh;
  }
  if (!network.head.empty()) {
    network.head = {{weights.add_dense("score", sizes.hidden, sizes.labels), Activation::kNone}};
    network.head.front().dense.bias = {};
  }
}

void become_deberta(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  const int32_t width = sizes.hidden - 3;
  Embeddings& embeddings = network.embeddings;
  embeddings.words = weights.add("narrow.words", {sizes.vocab, width}, 0, 1);
  embeddings.positions = {};
  embeddings.token_types = weights.add("narrow.types", {sizes.token_types, width}, 0, 0.5F);
  embeddings.projection = weights.add_dense("projection", width, sizes.hidden);
  embeddings.projection.bias = {};
  embeddings.project_first = true;
  constexpr int32_t kSpan = 12;
  network.relative = {.kind = RelativeKind::kLearned,
                      .table = weights.add("distances", {2 * kSpan, sizes.hidden}, 0, 1),
                      .norm = weights.add_norm("distances.norm", sizes.hidden),
                      .buckets = kSpan,
                      .max_distance = sizes.max_tokens,
                      .span = kSpan};
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    SelfAttention& attention = network.blocks[i].attention;
    attention.position_key =
        i == 0 ? attention.key
               : weights.add_dense("pk" + std::to_string(i), sizes.hidden, attention.heads * attention.head_dim);
    attention.position_query = attention.query;
    if (i == 1) attention.position_query = {};
    attention.scale /= std::sqrt(3.0);
  }
  network.convolution = {.weight = weights.add("convolution.weight", {sizes.hidden, sizes.hidden, 3}, 0, 0.2F),
                         .bias = weights.add("convolution.bias", {sizes.hidden}, 0, 0.2F),
                         .kernel = 3,
                         .norm = weights.add_norm("convolution.norm", sizes.hidden)};
}

void become_xlnet(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  Embeddings& embeddings = network.embeddings;
  embeddings.positions = {};
  embeddings.token_types = {};
  embeddings.norm = {};
  network.pooling = Pooling::kLastToken;
  network.relative = {.kind = RelativeKind::kSinusoid, .max_distance = 30};
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    Block& block = network.blocks[i];
    SelfAttention& attention = block.attention;
    const std::string name = "relative" + std::to_string(i);
    const Shape heads{attention.heads, attention.head_dim};
    for (Dense* dense : {&attention.query, &attention.key, &attention.value}) {
      dense->bias = {};
      dense->transposed = true;
    }
    attention.position_key = weights.add_dense(name, sizes.hidden, attention.heads * attention.head_dim);
    attention.position_key.bias = {};
    attention.content_bias = weights.add(name + ".content", heads, 0, 0.5F);
    attention.position_bias = weights.add(name + ".position", heads, 0, 0.5F);
    attention.segment_bias = weights.add(name + ".segment", heads, 0, 0.5F);
    attention.segments = weights.add(name + ".segments", {2, attention.heads, attention.head_dim}, 0, 1);
    block.ffn.activation = Activation::kMish;
  }
}

}  // namespace

void take_form(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights) {
  switch (sizes.form) {
    case SyntheticForm::kRoberta:
      return;
    case SyntheticForm::kAlbert:
      return become_albert(sizes, network, weights);
    case SyntheticForm::kMpnet:
      return become_mpnet(sizes, network, weights);
    case SyntheticForm::kModernBert:
      return become_modern_bert(sizes, network, weights);
    case SyntheticForm::kGpt2:
      return become_gpt2(sizes, network, weights);
    case SyntheticForm::kDeberta:
      return become_deberta(sizes, network, weights);
    case SyntheticForm::kXlnet:
      return become_xlnet(sizes, network, weights);
  }
}

}  // namespace paceline
