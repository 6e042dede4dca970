#include <fmt/format.h>

#include <cmath>

#include "network/architectures.h"
#include "network/encoder_parts.h"
#include "network/summary_head.h"

namespace paceline {
namespace {

// The architecture itself has no limit. Twice what it was trained on keeps the tables of projected distances small.
constexpr int32_t kMaxTokens = 1024;

// The tokenizer names two texts, the classification token and padding.
constexpr int32_t kTokenTypes = 4;

EncoderSizes read_sizes(const ConfigReader& config) {
  config.one_of("attn_type", {"bi"}, "bi");
  config.refuse_flag("bi_data", "a text that is read in one direction");
  config.refuse_other_models();
  EncoderSizes sizes;
  sizes.vocab_size = config.size("vocab_size", kMostVocabulary, 32000);
  sizes.hidden_size = config.size("d_model", kMostHidden, 1024);
  sizes.layers = config.size("n_layer", kMostLayers, 24);
  sizes.heads = config.size("n_head", kMostHidden, 16);
  sizes.head_dim = config.head_dim("d_model", sizes.hidden_size, "n_head", sizes.heads);
  if (sizes.hidden_size % 2 != 0) {
    config.contradiction(fmt::format(
        "\"d_model\" is {}, an even number was expected: positions are pairs of sine and cosine.", sizes.hidden_size));
  }
  const int32_t given = config.size("d_head", kMostHidden, sizes.head_dim);
  if (given != sizes.head_dim) {
    config.contradiction(
        fmt::format("\"d_head\" is {}, \"d_model\" divided by \"n_head\", {}, was expected.", given, sizes.head_dim));
  }
  sizes.intermediate_size = config.size("d_inner", kMostIntermediate, 4096);
  sizes.token_types = kTokenTypes;
  sizes.epsilon = config.number("layer_norm_eps", 0, 1, 1e-12);
  sizes.pad_token_id = config.token_id("pad_token_id", sizes.vocab_size, 5 % sizes.vocab_size);
  sizes.activation = config.activation("ff_activation", "gelu");
  return sizes;
}

/// XLNet's own weights, which have no bias: [C, H, D], for the output too, where C are the outputs.
Dense make_projection(const std::string& name, const EncoderSizes& sizes, bool output) {
  const int32_t width = sizes.heads * sizes.head_dim;
  return {.weight = {name, {sizes.hidden_size, sizes.heads, sizes.head_dim}},
          .in = output ? width : sizes.hidden_size,
          .out = output ? sizes.hidden_size : width,
          .transposed = !output};
}

Block make_layer(const std::string& base, const EncoderSizes& sizes) {
  const std::string own = base + "rel_attn.";
  const Shape heads{sizes.heads, sizes.head_dim};
  const int32_t hidden = sizes.hidden_size;
  Block block;  // member by member, as in make_block
  block.attention.query = make_projection(own + "q", sizes, false);
  block.attention.key = make_projection(own + "k", sizes, false);
  block.attention.value = make_projection(own + "v", sizes, false);
  block.attention.output = make_projection(own + "o", sizes, true);
  block.attention.heads = sizes.heads;
  block.attention.head_dim = sizes.head_dim;
  block.attention.scale = 1.0 / std::sqrt(static_cast<double>(sizes.head_dim));
  block.attention.position_key = make_projection(own + "r", sizes, false);
  block.attention.content_bias = {own + "r_w_bias", heads};
  block.attention.position_bias = {own + "r_r_bias", heads};
  block.attention.segment_bias = {own + "r_s_bias", heads};
  block.attention.segments = {own + "seg_embed", {2, sizes.heads, sizes.head_dim}};
  block.attention_norm = make_layer_norm(own + "layer_norm", hidden, sizes.epsilon);
  block.ffn.up = make_dense(base + "ff.layer_1", hidden, sizes.intermediate_size);
  block.ffn.activation = sizes.activation;
  block.ffn.down = make_dense(base + "ff.layer_2", sizes.intermediate_size, hidden);
  block.ffn_norm = make_layer_norm(base + "ff.layer_norm", hidden, sizes.epsilon);
  return block;
}

}  // namespace

// XLNet (Yang et al. 2019) as it classifies: one stream, no memory; relative positions of sines, token types as
// segments, and a summary of the last token. Tensor names as transformers writes them.
Network describe_xlnet(const ArchitectureInput& input) {
  const ConfigReader config(input);
  const EncoderSizes sizes = read_sizes(config);
  const std::string prefix = stored_prefix(input, "transformer.", "word_embedding.weight");
  Network network = start_network(sizes, kMaxTokens);
  network.without_types = WithoutTypes::kNothing;
  const double dropout = config.share("dropout", 0.1);
  network.dropout = {.embeddings = dropout,
                     .positions = dropout,
                     .attention = dropout,
                     .attention_output = dropout,
                     .ffn_inner = dropout,
                     .ffn_output = dropout,
                     .last = dropout};
  network.embeddings.words = {prefix + "word_embedding.weight", {sizes.vocab_size, sizes.hidden_size}};
  const double clamp = config.number("clamp_len", -1, kMostPositions, -1);
  network.relative = {.kind = RelativeKind::kSinusoid, .max_distance = clamp < 1 ? 0 : static_cast<int32_t>(clamp)};
  for (int32_t i = 0; i < sizes.layers; ++i) {
    network.blocks.push_back(make_layer(fmt::format("{}layer.{}.", prefix, i), sizes));
  }
  network.pooling = Pooling::kLastToken;
  if (const int32_t labels = classifier_outputs(input, "logits_proj.weight"); labels > 0) {
    config.refuse_flag("summary_proj_to_labels", "a summary that keeps its width");
    const SummaryDefaults defaults{
        .type = "last", .activation = "tanh", .to_labels = false, .first_dropout = 0, .last_dropout = 0.1};
    Summary summary = read_summary(config, defaults, labels, network);
    summary.steps.push_back(
        {.dense = make_dense("logits_proj", sizes.hidden_size, labels), .dropout = summary.dropout_behind});
    set_head(network, std::move(summary.steps));
  }
  return network;
}

}  // namespace paceline
