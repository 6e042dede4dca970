#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "network/architectures.h"
#include "network/encoder_parts.h"

namespace paceline {
namespace {

EncoderSizes read_sizes(const ConfigReader& config) {
  config.refuse_flag("add_cross_attention", "a model of its own");
  config.refuse_other_weights();
  EncoderSizes sizes;
  sizes.vocab_size = config.size("vocab_size", kMostVocabulary, 50257);
  sizes.hidden_size = config.size("n_embd", kMostHidden, 768);
  sizes.layers = config.size("n_layer", kMostLayers, 12);
  sizes.heads = config.size("n_head", kMostHidden, 12);
  sizes.head_dim = config.head_dim("n_embd", sizes.hidden_size, "n_head", sizes.heads);
  sizes.intermediate_size = config.size("n_inner", kMostIntermediate, 4 * int64_t{sizes.hidden_size});
  sizes.positions = config.size("n_positions", kMostPositions, 1024);
  sizes.epsilon = config.number("layer_norm_epsilon", 0, 1, 1e-5);
  sizes.token_types = std::min(2, sizes.vocab_size);
  sizes.pad_token_id = config.token_id("pad_token_id", sizes.vocab_size, 0);
  sizes.activation = config.activation("activation_function", "gelu_new");
  return sizes;
}

/// GPT-2's own layer, which stores its weight as [in, outputs]: some of the outputs.
Dense make_conv1d(const std::string& name, int32_t in, int32_t outputs, int32_t first, int32_t count) {
  return {.weight = {name + ".weight", {in, outputs}},
          .bias = {name + ".bias", {outputs}},
          .in = in,
          .out = count,
          .first = first,
          .transposed = true};
}

double read_scale(const ConfigReader& config, const EncoderSizes& sizes, int32_t layer) {
  double scale = config.flag("scale_attn_weights", true) ? 1.0 / std::sqrt(static_cast<double>(sizes.head_dim)) : 1.0;
  if (config.flag("scale_attn_by_inverse_layer_idx", false)) scale /= layer + 1;
  return scale;
}

Block make_layer(const std::string& base, const EncoderSizes& sizes, double scale) {
  const int32_t hidden = sizes.hidden_size;
  const auto joined = [&](int32_t index) {
    return make_conv1d(base + "attn.c_attn", hidden, 3 * hidden, index * hidden, hidden);
  };
  Block block;  // member by member, as in make_block
  block.attention.query = joined(0);
  block.attention.key = joined(1);
  block.attention.value = joined(2);
  block.attention.output = make_conv1d(base + "attn.c_proj", hidden, hidden, 0, hidden);
  block.attention.heads = sizes.heads;
  block.attention.head_dim = sizes.head_dim;
  block.attention.scale = scale;
  block.attention.visible_after = 0;
  block.attention_norm = make_layer_norm(base + "ln_1", hidden, sizes.epsilon);
  block.ffn.up = make_conv1d(base + "mlp.c_fc", hidden, sizes.intermediate_size, 0, sizes.intermediate_size);
  block.ffn.activation = sizes.activation;
  block.ffn.down = make_conv1d(base + "mlp.c_proj", sizes.intermediate_size, hidden, 0, hidden);
  block.ffn_norm = make_layer_norm(base + "ln_2", hidden, sizes.epsilon);
  block.norm_before = true;
  return block;
}

}  // namespace

// GPT-2 (Radford et al. 2019): norms before, causal attention, and one dense layer without bias on the last token that
// is not the padding id; where the config has none, on the last. Token types, where a tokenizer hands them out, add the
// embeddings of the words 0 and 1, as in transformers. Tensor names as transformers writes them.
Network describe_gpt2(const ArchitectureInput& input) {
  const ConfigReader config(input);
  const EncoderSizes sizes = read_sizes(config);
  const std::string prefix = stored_prefix(input, "transformer.", "wte.weight");
  Network network = start_network(sizes, sizes.positions);
  network.without_types = WithoutTypes::kNothing;
  const double added = config.share("resid_pdrop", 0.1);
  network.dropout = {.embeddings = config.share("embd_pdrop", 0.1),
                     .attention = config.share("attn_pdrop", 0.1),
                     .attention_output = added,
                     .ffn_output = added};
  const Weight words{prefix + "wte.weight", {sizes.vocab_size, sizes.hidden_size}};
  network.embeddings = {
      .words = words, .positions = {prefix + "wpe.weight", {sizes.positions, sizes.hidden_size}}, .token_types = words};
  for (int32_t i = 0; i < sizes.layers; ++i) {
    network.blocks.push_back(make_layer(fmt::format("{}h.{}.", prefix, i), sizes, read_scale(config, sizes, i)));
  }
  network.final_norm = make_layer_norm(prefix + "ln_f", sizes.hidden_size, sizes.epsilon);
  network.pooling = Pooling::kLastToken;
  network.pooling_skips = config.has("pad_token_id") ? sizes.pad_token_id : -1;
  if (const int32_t labels = classifier_outputs(input, "score.weight"); labels > 0) {
    set_head(network, {{.dense = make_dense_without_bias("score", sizes.hidden_size, labels)}});
  }
  return network;
}

}  // namespace paceline
