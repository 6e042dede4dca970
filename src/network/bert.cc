#include "network/architectures.h"
#include "network/bert_family.h"

namespace paceline {

// BERT (Devlin et al. 2019): positions from 0 on for every token, and a head of the pooler, a dense layer with tanh on
// the first token, and one dense layer. Tensor names as transformers writes them.
Network describe_bert(const ArchitectureInput& input) {
  const ConfigReader config(input);
  EncoderSizes sizes = read_bert_sizes(config, 0);
  sizes.token_types = read_token_types(config);
  const std::string prefix = stored_prefix(input, "bert.", "embeddings.word_embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  network.dropout = read_bert_dropout(config);
  network.embeddings = bert_embeddings(prefix, sizes, sizes.hidden_size);
  for (int32_t i = 0; i < sizes.layers; ++i) network.blocks.push_back(bert_block(bert_layer(prefix, i), sizes));
  add_two_layer_head(input,
                     {.first = prefix + "pooler.dense",
                      .activation = Activation::kTanh,
                      .last = "classifier",
                      .last_dropout = read_classifier_dropout(config, network.dropout)},
                     network);
  return network;
}

}  // namespace paceline
