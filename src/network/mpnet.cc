#include <fmt/format.h>

#include "network/architectures.h"
#include "network/bert_family.h"

namespace paceline {
namespace {

Block make_layer(const std::string& prefix, const EncoderSizes& sizes, int32_t index) {
  const std::string base = bert_layer(prefix, index);
  return make_block({.query = base + "attention.attn.q",
                     .key = base + "attention.attn.k",
                     .value = base + "attention.attn.v",
                     .output = base + "attention.attn.o",
                     .attention_norm = base + "attention.LayerNorm",
                     .up = base + "intermediate.dense",
                     .down = base + "output.dense",
                     .ffn_norm = base + "output.LayerNorm"},
                    sizes);
}

/// transformers computes 32 buckets whatever the config says, which only sizes the table.
RelativePositions read_relative_positions(const ConfigReader& config, const std::string& prefix, int32_t heads) {
  constexpr int32_t kBuckets = 32;
  constexpr int32_t kMaxDistance = 128;
  const int32_t rows = config.size("relative_attention_num_buckets", kMostPositions, kBuckets);
  if (rows < kBuckets) {
    config.contradiction(
        fmt::format("\"relative_attention_num_buckets\" is {}, at least {} were expected.", rows, kBuckets));
  }
  return {.kind = RelativeKind::kBias,
          .table = {prefix + "encoder.relative_attention_bias.weight", {rows, heads}},
          .buckets = kBuckets,
          .max_distance = kMaxDistance};
}

}  // namespace

// MPNet (Song et al. 2020): BERT's blocks with a bias by distance that all layers share, positions that start behind
// padding id 1 whatever the config's is, no token types, and RoBERTa's head. Tensor names as transformers writes them.
Network describe_mpnet(const ArchitectureInput& input) {
  constexpr int32_t kPaddingId = 1;
  const ConfigReader config(input);
  const EncoderSizes sizes = read_bert_sizes(config, kPaddingId);
  const std::string prefix = stored_prefix(input, "mpnet.", "embeddings.word_embeddings.weight");
  Embeddings embeddings = bert_embeddings(prefix, sizes, sizes.hidden_size);
  embeddings.words.padding_row = kPaddingId;
  embeddings.token_types = {};
  Network network = start_network(sizes, count_positions_from(kPaddingId, sizes, config, embeddings));
  network.embeddings = embeddings;
  network.dropout = read_bert_dropout(config);
  network.relative = read_relative_positions(config, prefix, sizes.heads);
  for (int32_t i = 0; i < sizes.layers; ++i) network.blocks.push_back(make_layer(prefix, sizes, i));
  add_two_layer_head(input,
                     {.first = "classifier.dense",
                      .activation = Activation::kTanh,
                      .last = "classifier.out_proj",
                      .first_dropout = network.dropout.embeddings,
                      .last_dropout = network.dropout.embeddings},
                     network);
  return network;
}

}  // namespace paceline
