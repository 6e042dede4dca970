#include <fmt/format.h>

#include "network/architectures.h"
#include "network/encoder_parts.h"

namespace paceline {
namespace {

EncoderSizes read_sizes(const ConfigReader& config) {
  config.refuse_other_models();
  EncoderSizes sizes;
  sizes.vocab_size = config.size("vocab_size", kMostVocabulary, 30522);
  sizes.hidden_size = config.size("dim", kMostHidden, 768);
  sizes.layers = config.size("n_layers", kMostLayers, 6);
  sizes.heads = config.size("n_heads", kMostHidden, 12);
  sizes.head_dim = config.head_dim("dim", sizes.hidden_size, "n_heads", sizes.heads);
  sizes.intermediate_size = config.size("hidden_dim", kMostIntermediate, 3072);
  sizes.positions = config.size("max_position_embeddings", kMostPositions, 512);
  sizes.epsilon = 1e-12;
  sizes.pad_token_id = config.token_id("pad_token_id", sizes.vocab_size, 0);
  sizes.padding_row = read_padding_row(config, "pad_token_id", sizes);
  sizes.activation = config.activation("activation", "gelu");
  return sizes;
}

Block make_layer(const std::string& prefix, const EncoderSizes& sizes, int32_t index) {
  const std::string base = fmt::format("{}transformer.layer.{}.", prefix, index);
  return make_block({.query = base + "attention.q_lin",
                     .key = base + "attention.k_lin",
                     .value = base + "attention.v_lin",
                     .output = base + "attention.out_lin",
                     .attention_norm = base + "sa_layer_norm",
                     .up = base + "ffn.lin1",
                     .down = base + "ffn.lin2",
                     .ffn_norm = base + "output_layer_norm"},
                    sizes);
}

}  // namespace

// DistilBERT (Sanh et al. 2019): BERT's blocks without token types, and a head of two dense layers with ReLU between
// them on the first token. Positions that are sines are stored, too. Tensor names as transformers writes them.
Network describe_distilbert(const ArchitectureInput& input) {
  const ConfigReader config(input);
  const EncoderSizes sizes = read_sizes(config);
  const std::string prefix = stored_prefix(input, "distilbert.", "embeddings.word_embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  const double dropout = config.share("dropout", 0.1);
  network.dropout = {.embeddings = dropout, .attention = config.share("attention_dropout", 0.1), .ffn_output = dropout};
  network.embeddings = {
      .words = {prefix + "embeddings.word_embeddings.weight", {sizes.vocab_size, sizes.hidden_size}, sizes.padding_row},
      .positions = {prefix + "embeddings.position_embeddings.weight", {sizes.positions, sizes.hidden_size}},
      .norm = make_layer_norm(prefix + "embeddings.LayerNorm", sizes.hidden_size, sizes.epsilon)};
  network.embeddings.positions.trained = read_trained_positions(input, "sinusoidal_pos_embds");
  for (int32_t i = 0; i < sizes.layers; ++i) network.blocks.push_back(make_layer(prefix, sizes, i));
  add_two_layer_head(input,
                     {.first = "pre_classifier",
                      .activation = Activation::kRelu,
                      .last = "classifier",
                      .last_dropout = config.share("seq_classif_dropout", 0.2)},
                     network);
  return network;
}

}  // namespace paceline
