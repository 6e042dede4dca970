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
  network.embeddings = bert_embeddings(prefix, sizes, sizes.hidden_size);
  for (int32_t i = 0; i < sizes.layers; ++i) network.blocks.push_back(bert_block(prefix, sizes, i));
  if (const int32_t labels = classifier_outputs(input, "classifier.weight"); labels > 0) {
    set_head(network, {{.dense = make_dense(prefix + "pooler.dense", sizes.hidden_size, sizes.hidden_size),
                        .activation = Activation::kTanh},
                       {.dense = make_dense("classifier", sizes.hidden_size, labels)}});
  }
  return network;
}

}  // namespace paceline
