#include "network/architectures.h"
#include "network/bert_family.h"

namespace paceline {

// RoBERTa, CamemBERT and XLM-RoBERTa: BERT's encoder with positions that start behind the padding id, and a head of two
// dense layers on the first token. (Liu et al. 2019, Martin et al. 2020, Conneau et al. 2020; tensor names as
// transformers writes them.)
Network describe_roberta(const ArchitectureInput& input) {
  const ConfigReader config(input);
  EncoderSizes sizes = read_bert_sizes(config, 1);
  sizes.token_types = read_token_types(config);
  const std::string prefix = stored_prefix(input, "roberta.", "embeddings.word_embeddings.weight");
  Embeddings embeddings = bert_embeddings(prefix, sizes, sizes.hidden_size);
  Network network = start_network(sizes, count_positions_from(sizes.pad_token_id, sizes, config, embeddings));
  network.embeddings = embeddings;
  network.dropout = read_bert_dropout(config);
  for (int32_t i = 0; i < sizes.layers; ++i) network.blocks.push_back(bert_block(bert_layer(prefix, i), sizes));
  const double dropout = read_classifier_dropout(config, network.dropout);
  add_two_layer_head(input,
                     {.first = "classifier.dense",
                      .activation = Activation::kTanh,
                      .last = "classifier.out_proj",
                      .first_dropout = dropout,
                      .last_dropout = dropout},
                     network);
  return network;
}

}  // namespace paceline
