#include "network/architectures.h"
#include "network/bert_family.h"
#include "network/labels.h"

namespace paceline {

// BERT (Devlin et al. 2019): positions from 0 on for every token, and a head of the pooler, a dense layer with tanh on
// the first token, and one dense layer. Tensor names as transformers writes them.
Network describe_bert(const ArchitectureInput& input) {
  constexpr int32_t kDefaultPad = 0;
  refuse_bert_variants(input.config, input.where);
  const BertSizes sizes = read_bert_sizes(input.config, input.where, kDefaultPad);

  // A bare encoder is saved without the prefix, one below a head with it.
  const bool bare = input.tensor_names.count("embeddings.word_embeddings.weight") != 0;
  const std::string prefix = bare ? "" : "bert.";
  Network network;
  network.vocab_size = sizes.vocab_size;
  network.hidden_size = sizes.hidden_size;
  network.intermediate_size = sizes.intermediate_size;
  network.max_tokens = sizes.positions;
  network.token_types = sizes.token_types;
  network.pad_token_id = sizes.pad_token_id;
  network.embeddings = bert_embeddings(prefix, sizes, 0);
  for (int32_t i = 0; i < sizes.layers; ++i) {
    network.blocks.push_back(bert_block(prefix, sizes, i));
    network.layers.push_back(i);
  }
  network.outputs = sizes.hidden_size;

  const bool stored_head = input.tensor_names.count("classifier.weight") != 0;
  if (wants_classification_head(input.config, input.where, stored_head)) {
    network.outputs = static_cast<int32_t>(read_labels(input.config, input.where).size());
    network.head = {
        {.dense = make_dense("bert.pooler.dense", sizes.hidden_size, sizes.hidden_size),
         .activation = Activation::kTanh},
        {.dense = make_dense("classifier", sizes.hidden_size, network.outputs), .activation = Activation::kNone}};
  }
  return network;
}

}  // namespace paceline
