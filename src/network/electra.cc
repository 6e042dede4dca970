#include "network/architectures.h"
#include "network/bert_family.h"

namespace paceline {

// ELECTRA (Clark et al. 2020): BERT's encoder over embeddings that may be narrower than its layers, and a head of two
// dense layers on the first token, whose activation is exact GELU whatever hidden_act says. Tensor names as
// transformers writes them.
Network describe_electra(const ArchitectureInput& input) {
  const ConfigReader config(input);
  EncoderSizes sizes = read_bert_sizes(config, 0);
  sizes.token_types = read_token_types(config);
  const int32_t width = config.size("embedding_size", kMostHidden, 128);
  const std::string prefix = stored_prefix(input, "electra.", "embeddings.word_embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  network.dropout = read_bert_dropout(config);
  network.embeddings = bert_embeddings(prefix, sizes, width);
  if (width != sizes.hidden_size) {
    network.embeddings.projection = make_dense(prefix + "embeddings_project", width, sizes.hidden_size);
  }
  for (int32_t i = 0; i < sizes.layers; ++i) network.blocks.push_back(bert_block(bert_layer(prefix, i), sizes));
  const double dropout = read_classifier_dropout(config, network.dropout);
  add_two_layer_head(input,
                     {.first = "classifier.dense",
                      .activation = Activation::kGelu,
                      .last = "classifier.out_proj",
                      .first_dropout = dropout,
                      .last_dropout = dropout},
                     network);
  return network;
}

}  // namespace paceline
