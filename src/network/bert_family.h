#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "network/network.h"

namespace paceline {

/// What BERT and those that kept its config keys and tensor names have in common.
struct BertSizes {
  int32_t vocab_size = 0;
  int32_t hidden_size = 0;
  int32_t layers = 0;
  int32_t heads = 0;
  int32_t intermediate_size = 0;
  int32_t positions = 0;  ///< rows of the position table
  int32_t token_types = 0;
  int32_t pad_token_id = 0;
  double epsilon = 0;
};

/// Reads and checks the sizes; `default_pad` is the architecture's own where the config has none.
/// Throws Error{corrupt_data} for what is missing, absurd or contradictory.
BertSizes read_bert_sizes(const Json& config, std::string_view where, int32_t default_pad);

/// Refuses by name what would change the arithmetic and is not built: another activation than exact GELU, another
/// position type than absolute, decoders, quantised weights, pruned heads. Throws Error{unsupported}.
void refuse_bert_variants(const Json& config, std::string_view where);

/// Whether config.json's "architectures" asks for a sequence classification head; where it says nothing, whether the
/// weights have one (`stored`). Throws Error{unsupported} for a head of another kind.
bool wants_classification_head(const Json& config, std::string_view where, bool stored);

Dense make_dense(const std::string& name, int32_t in, int32_t out);
LayerNorm make_layer_norm(const std::string& name, int32_t size, double epsilon);

/// The weights below `prefix` ("roberta."), named as BERT names them.
Embeddings bert_embeddings(const std::string& prefix, const BertSizes& sizes, int32_t position_offset);
Block bert_block(const std::string& prefix, const BertSizes& sizes, int32_t index);

}  // namespace paceline
