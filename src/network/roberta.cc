#include <fmt/format.h>

#include "network/architectures.h"
#include "network/bert_family.h"
#include "network/labels.h"
#include "paceline/error.h"

namespace paceline {

// RoBERTa and CamemBERT: BERT's encoder with positions that start behind the padding id, and a head of two dense layers
// on the first token. (Liu et al. 2019, Martin et al. 2020; tensor names as transformers writes them.)
Network describe_roberta(const ArchitectureInput& input) {
  constexpr int32_t kDefaultPad = 1;
  refuse_bert_variants(input.config, input.where);
  const BertSizes sizes = read_bert_sizes(input.config, input.where, kDefaultPad);
  const int32_t position_offset = sizes.pad_token_id + 1;
  if (sizes.positions <= position_offset) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"max_position_embeddings\" is {}, more than {} were expected, since positions start "
                            "behind \"pad_token_id\" {}.",
                            input.where, sizes.positions, position_offset, sizes.pad_token_id));
  }

  // A bare encoder is saved without the prefix, one below a head with it.
  const bool bare = input.tensor_names.count("embeddings.word_embeddings.weight") != 0;
  const std::string prefix = bare ? "" : "roberta.";
  Network network;
  network.vocab_size = sizes.vocab_size;
  network.hidden_size = sizes.hidden_size;
  network.intermediate_size = sizes.intermediate_size;
  network.max_tokens = sizes.positions - position_offset;
  network.token_types = sizes.token_types;
  network.pad_token_id = sizes.pad_token_id;
  network.embeddings = bert_embeddings(prefix, sizes, position_offset);
  network.embeddings.uncounted_id = sizes.pad_token_id;
  for (int32_t i = 0; i < sizes.layers; ++i) {
    network.blocks.push_back(bert_block(prefix, sizes, i));
    network.layers.push_back(i);
  }
  network.outputs = sizes.hidden_size;

  const bool stored_head = input.tensor_names.count("classifier.out_proj.weight") != 0;
  if (wants_classification_head(input.config, input.where, stored_head)) {
    network.outputs = static_cast<int32_t>(read_labels(input.config, input.where).size());
    network.head = {{.dense = make_dense("classifier.dense", sizes.hidden_size, sizes.hidden_size),
                     .activation = Activation::kTanh},
                    {.dense = make_dense("classifier.out_proj", sizes.hidden_size, network.outputs),
                     .activation = Activation::kNone}};
  }
  return network;
}

}  // namespace paceline
