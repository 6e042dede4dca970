#include <fmt/format.h>

#include <cmath>

#include "network/architectures.h"
#include "network/encoder_parts.h"
#include "network/modernbert_layers.h"

namespace paceline {
namespace {

/// What ModernBERT's config adds.
struct Variant {
  bool attention_bias = false;
  bool mlp_bias = false;
  bool norm_bias = false;
  int32_t window = 0;  ///< a layer that does not see all tokens sees half of it on either side
  ModernBertLayers layers{};
};

EncoderSizes read_sizes(const ConfigReader& config) {
  config.refuse_other_models();
  EncoderSizes sizes;
  sizes.vocab_size = config.size("vocab_size", kMostVocabulary, 50368);
  sizes.hidden_size = config.size("hidden_size", kMostHidden, 768);
  sizes.layers = config.size("num_hidden_layers", kMostLayers, 22);
  sizes.heads = config.size("num_attention_heads", kMostHidden, 12);
  sizes.head_dim = config.head_dim("hidden_size", sizes.hidden_size, "num_attention_heads", sizes.heads);
  if (config.count("head_dim", kMostHidden, sizes.head_dim) != sizes.head_dim) {
    config.refuse("\"head_dim\" is not \"hidden_size\" divided by \"num_attention_heads\", which was expected.");
  }
  if (sizes.head_dim % 2 != 0) {
    config.contradiction(
        fmt::format("\"hidden_size\" is {} and \"num_attention_heads\" is {}: heads of {} have no two "
                    "halves to rotate.",
                    sizes.hidden_size, sizes.heads, sizes.head_dim));
  }
  sizes.intermediate_size = config.size("intermediate_size", kMostIntermediate, 1152);
  sizes.positions = config.size("max_position_embeddings", kMostPositions, 8192);
  sizes.epsilon = config.number("norm_eps", 0, 1, 1e-5);
  sizes.pad_token_id = config.token_id("pad_token_id", sizes.vocab_size, 50283);
  sizes.padding_row = read_padding_row(config, "pad_token_id", sizes);
  sizes.activation = config.activation("hidden_activation", "gelu");
  return sizes;
}

Variant read_variant(const ArchitectureInput& input, const ConfigReader& config, const EncoderSizes& sizes) {
  Variant variant;
  variant.attention_bias = config.flag("attention_bias", false);
  variant.mlp_bias = config.flag("mlp_bias", false);
  variant.norm_bias = config.flag("norm_bias", false);
  variant.window = config.size("local_attention", kMostPositions, 128);
  if (const int32_t half = config.count("sliding_window", kMostPositions, variant.window / 2);
      half != variant.window / 2) {
    config.refuse(fmt::format("\"sliding_window\" is {} and \"local_attention\" is {}, half of it was expected.", half,
                              variant.window));
  }
  variant.layers = read_modernbert_layers(input, sizes);
  return variant;
}

Dense dense(const std::string& name, int32_t in, int32_t out, bool bias) {
  return bias ? make_dense(name, in, out) : make_dense_without_bias(name, in, out);
}

LayerNorm norm(const std::string& name, const EncoderSizes& sizes, const Variant& variant) {
  LayerNorm made = make_layer_norm(name, sizes.hidden_size, sizes.epsilon);
  if (!variant.norm_bias) made.bias = {};
  return made;
}

/// The `index`-th of `count` layers of `out` outputs each that one tensor holds.
Dense part_of(Dense all, int32_t out, int32_t index) {
  all.out = out;
  all.first = index * out;
  return all;
}

Block make_layer(const std::string& base, const EncoderSizes& sizes, const Variant& variant, int32_t index) {
  const int32_t hidden = sizes.hidden_size;
  const Dense joined = dense(base + "attn.Wqkv", hidden, 3 * hidden, variant.attention_bias);
  const Dense gated = dense(base + "mlp.Wi", hidden, 2 * sizes.intermediate_size, variant.mlp_bias);
  const bool sees_all = variant.layers.sees_all[static_cast<std::size_t>(index)];
  const int32_t visible = sees_all ? -1 : variant.window / 2;
  Block block;  // member by member, as in make_block
  block.attention.query = part_of(joined, hidden, 0);
  block.attention.key = part_of(joined, hidden, 1);
  block.attention.value = part_of(joined, hidden, 2);
  block.attention.output = dense(base + "attn.Wo", hidden, hidden, variant.attention_bias);
  block.attention.heads = sizes.heads;
  block.attention.head_dim = sizes.head_dim;
  block.attention.scale = 1.0 / std::sqrt(static_cast<double>(sizes.head_dim));
  block.attention.visible_before = visible;
  block.attention.visible_after = visible;
  block.attention.rotary = sees_all ? variant.layers.all : variant.layers.window;
  block.ffn.up = part_of(gated, sizes.intermediate_size, 0);
  block.ffn.gate = part_of(gated, sizes.intermediate_size, 1);
  block.ffn.activation = sizes.activation;
  block.ffn.down = dense(base + "mlp.Wo", sizes.intermediate_size, hidden, variant.mlp_bias);
  block.ffn_norm = norm(base + "mlp_norm", sizes, variant);
  block.norm_before = true;
  if (index > 0) block.attention_norm = norm(base + "attn_norm", sizes, variant);
  return block;
}

}  // namespace

// ModernBERT (Warner et al. 2024): norms before, rotary positions, gated feed-forward, windows in some of the
// layers; the head normalises behind its first dense layer. Tensor names as transformers writes them.
Network describe_modernbert(const ArchitectureInput& input) {
  const ConfigReader config(input);
  const EncoderSizes sizes = read_sizes(config);
  const Variant variant = read_variant(input, config, sizes);
  const std::string prefix = stored_prefix(input, "model.", "embeddings.tok_embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  const double attention_dropout = config.share("attention_dropout", 0);
  network.dropout = {.embeddings = config.share("embedding_dropout", 0),
                     .attention = attention_dropout,
                     .attention_output = attention_dropout,
                     .ffn_inner = config.share("mlp_dropout", 0)};
  network.embeddings = {
      .words = {prefix + "embeddings.tok_embeddings.weight", {sizes.vocab_size, sizes.hidden_size}, sizes.padding_row},
      .norm = norm(prefix + "embeddings.norm", sizes, variant)};
  for (int32_t i = 0; i < sizes.layers; ++i) {
    network.blocks.push_back(make_layer(fmt::format("{}layers.{}.", prefix, i), sizes, variant, i));
  }
  network.final_norm = norm(prefix + "final_norm", sizes, variant);
  const std::string pooling = config.one_of("classifier_pooling", {"cls", "mean"}, "cls");
  if (const int32_t labels = classifier_outputs(input, "classifier.weight"); labels > 0) {
    if (pooling == "mean") network.pooling = Pooling::kMean;
    const bool bias = config.flag("classifier_bias", false);
    HeadStep first{.dense = dense("head.dense", sizes.hidden_size, sizes.hidden_size, bias)};
    first.activation = config.activation("classifier_activation", "gelu");
    first.norm = norm("head.norm", sizes, variant);
    HeadStep classifier{.dense = make_dense("classifier", sizes.hidden_size, labels)};
    classifier.dropout = config.share("classifier_dropout", 0);
    set_head(network, {first, classifier});
  }
  return network;
}

}  // namespace paceline
