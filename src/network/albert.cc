#include <fmt/format.h>

#include "network/architectures.h"
#include "network/bert_family.h"

namespace paceline {
namespace {

Block make_layer(const std::string& base, const EncoderSizes& sizes) {
  return make_block({.query = base + "attention.query",
                     .key = base + "attention.key",
                     .value = base + "attention.value",
                     .output = base + "attention.dense",
                     .attention_norm = base + "attention.LayerNorm",
                     .up = base + "ffn",
                     .down = base + "ffn_output",
                     .ffn_norm = base + "full_layer_layer_norm"},
                    sizes);
}

}  // namespace

// ALBERT (Lan et al. 2020): BERT's blocks over narrow embeddings, each layer running all blocks of its group, which
// layers share; a head of the pooler, a dense layer with tanh on the first token, and one dense layer. Tensor names as
// transformers writes them.
Network describe_albert(const ArchitectureInput& input) {
  const ConfigReader config(input);
  EncoderSizes sizes = read_bert_sizes(config, 0);
  sizes.token_types = read_token_types(config);
  sizes.activation = config.activation("hidden_act", "gelu_new");
  const int32_t width = config.size("embedding_size", kMostHidden, 128);
  const int32_t groups = config.size("num_hidden_groups", kMostLayers, 1);
  const int32_t inner = config.size("inner_group_num", kMostLayers, 1);
  if (groups > sizes.layers) {
    config.contradiction(
        fmt::format("\"num_hidden_groups\" is {} and \"num_hidden_layers\" is {}, no more groups than "
                    "layers were expected.",
                    groups, sizes.layers));
  }
  if (int64_t{sizes.layers} * inner > kMostLayers) {
    config.contradiction(
        fmt::format("\"num_hidden_layers\" is {} and \"inner_group_num\" is {}, a product of at most {} was expected.",
                    sizes.layers, inner, kMostLayers));
  }
  const std::string prefix = stored_prefix(input, "albert.", "embeddings.word_embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  network.dropout = read_bert_dropout(config, 0);
  network.dropout.ffn_output = 0;  // transformers has the layer, and does not call it
  network.embeddings = bert_embeddings(prefix, sizes, width);
  network.embeddings.projection = make_dense(prefix + "encoder.embedding_hidden_mapping_in", width, sizes.hidden_size);
  for (int32_t group = 0; group < groups; ++group) {
    for (int32_t i = 0; i < inner; ++i) {
      network.blocks.push_back(
          make_layer(fmt::format("{}encoder.albert_layer_groups.{}.albert_layers.{}.", prefix, group, i), sizes));
    }
  }
  network.layers.clear();
  for (int32_t layer = 0; layer < sizes.layers; ++layer) {
    // The division of the original, in floating point.
    const auto group = static_cast<int32_t>(layer / (static_cast<double>(sizes.layers) / groups));
    for (int32_t i = 0; i < inner; ++i) network.layers.push_back(group * inner + i);
  }
  add_two_layer_head(input,
                     {.first = prefix + "pooler",
                      .activation = Activation::kTanh,
                      .last = "classifier",
                      .last_dropout = config.share("classifier_dropout_prob", 0.1)},
                     network);
  return network;
}

}  // namespace paceline
