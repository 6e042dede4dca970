#include <fmt/format.h>

#include "network/architectures.h"
#include "network/encoder_parts.h"
#include "network/summary_head.h"

namespace paceline {
namespace {

EncoderSizes read_sizes(const ConfigReader& config) {
  config.refuse_other_models();
  if (!config.flag("is_encoder", true)) config.refuse("\"is_encoder\" is false, an encoder was expected.");
  EncoderSizes sizes;
  sizes.vocab_size = config.size("vocab_size", kMostVocabulary, 30145);
  sizes.hidden_size = config.size("emb_dim", kMostHidden, 2048);
  sizes.layers = config.size("n_layers", kMostLayers, 12);
  sizes.heads = config.size("n_heads", kMostHidden, 16);
  sizes.head_dim = config.head_dim("emb_dim", sizes.hidden_size, "n_heads", sizes.heads);
  sizes.intermediate_size = 4 * sizes.hidden_size;
  sizes.positions = config.size("max_position_embeddings", kMostPositions, 512);
  sizes.token_types = std::min(2, sizes.vocab_size);
  sizes.epsilon = config.number("layer_norm_eps", 0, 1, 1e-12);
  sizes.pad_token_id = config.token_id("pad_token_id", sizes.vocab_size, 2 % sizes.vocab_size);
  // Version 4 writes both.
  sizes.pad_token_id = config.token_id("pad_index", sizes.vocab_size, sizes.pad_token_id);
  sizes.padding_row = read_padding_row(config, config.has("pad_index") ? "pad_index" : "pad_token_id", sizes);
  sizes.activation = config.flag("gelu_activation", true) ? Activation::kGelu : Activation::kRelu;
  return sizes;
}

Block make_layer(const std::string& prefix, const EncoderSizes& sizes, int32_t index) {
  const std::string attention = fmt::format("{}attentions.{}.", prefix, index);
  return make_block({.query = attention + "q_lin",
                     .key = attention + "k_lin",
                     .value = attention + "v_lin",
                     .output = attention + "out_lin",
                     .attention_norm = fmt::format("{}layer_norm1.{}", prefix, index),
                     .up = fmt::format("{}ffns.{}.lin1", prefix, index),
                     .down = fmt::format("{}ffns.{}.lin2", prefix, index),
                     .ffn_norm = fmt::format("{}layer_norm2.{}", prefix, index)},
                    sizes);
}

}  // namespace

// XLM (Conneau, Lample 2019) and FlauBERT (Le et al. 2020): BERT's blocks, in FlauBERT with the norms before them where
// the config says so, and a summary of the first token. Two things are as transformers has them: a text's token types,
// where the tokenizer hands them out, add the embeddings of the words 0 and 1; and languages, which nothing hands out,
// add nothing, though the weights hold their embeddings. Tensor names as transformers writes them.
Network describe_xlm(const ArchitectureInput& input) {
  const ConfigReader config(input);
  const EncoderSizes sizes = read_sizes(config);
  const std::string prefix = stored_prefix(input, "transformer.", "embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  network.without_types = WithoutTypes::kNothing;
  const double dropout = config.share("dropout", 0.1);
  network.dropout = {.embeddings = dropout,
                     .attention = config.share("attention_dropout", 0.1),
                     .attention_output = dropout,
                     .ffn_output = dropout};
  const Weight words{prefix + "embeddings.weight", {sizes.vocab_size, sizes.hidden_size}, sizes.padding_row};
  network.embeddings = {.words = words,
                        .positions = {prefix + "position_embeddings.weight", {sizes.positions, sizes.hidden_size}},
                        .token_types = words,
                        .norm = make_layer_norm(prefix + "layer_norm_emb", sizes.hidden_size, sizes.epsilon)};
  network.embeddings.positions.trained = read_trained_positions(input, "sinusoidal_embeddings");
  const bool flaubert = config.text("model_type", "") == "flaubert";
  const bool norm_before = flaubert && config.flag("pre_norm", false);
  if (flaubert) network.dropout.layers = config.share("layerdrop", 0);
  const bool causal = config.flag("causal", false);
  for (int32_t i = 0; i < sizes.layers; ++i) {
    Block block = make_layer(prefix, sizes, i);
    block.norm_before = norm_before;
    if (causal) block.attention.visible_after = 0;
    network.blocks.push_back(block);
  }
  if (const int32_t labels = classifier_outputs(input, "sequence_summary.summary.weight"); labels > 0) {
    const SummaryDefaults defaults{
        .type = "first", .activation = "", .to_labels = true, .first_dropout = 0.1, .last_dropout = 0};
    Summary summary = read_summary(config, defaults, labels, network);
    if (summary.steps.empty() || summary.steps.back().dense.out != labels) {
      config.refuse(
          "\"summary_use_proj\" and \"summary_proj_to_labels\" were expected to be true: without them the "
          "summary is no classification.");
    }
    network.dropout.logits = summary.dropout_behind;
    set_head(network, std::move(summary.steps));
  }
  return network;
}

}  // namespace paceline
