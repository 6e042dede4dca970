#include "network/bert_family.h"

#include <fmt/format.h>

namespace paceline {

EncoderSizes read_bert_sizes(const ConfigReader& config, int32_t default_pad) {
  config.refuse_other_models();
  config.refuse_unless_absolute();
  EncoderSizes sizes;
  sizes.vocab_size = config.size("vocab_size", kMostVocabulary);
  sizes.hidden_size = config.size("hidden_size", kMostHidden);
  sizes.layers = config.size("num_hidden_layers", kMostLayers);
  sizes.heads = config.size("num_attention_heads", kMostHidden);
  sizes.head_dim = config.head_dim("hidden_size", sizes.hidden_size, "num_attention_heads", sizes.heads);
  sizes.intermediate_size = config.size("intermediate_size", kMostIntermediate);
  sizes.positions = config.size("max_position_embeddings", kMostPositions);
  sizes.epsilon = config.number("layer_norm_eps", 0, 1, 1e-12);
  sizes.pad_token_id = config.token_id("pad_token_id", sizes.vocab_size, default_pad);
  sizes.padding_row = read_padding_row(config, "pad_token_id", sizes);
  sizes.activation = config.activation("hidden_act", "gelu");
  return sizes;
}

Dropout read_bert_dropout(const ConfigReader& config, double fallback) {
  const double hidden = config.share("hidden_dropout_prob", fallback);
  return {.embeddings = hidden,
          .attention = config.share("attention_probs_dropout_prob", fallback),
          .attention_output = hidden,
          .ffn_output = hidden};
}

double read_classifier_dropout(const ConfigReader& config, const Dropout& dropout) {
  return config.share("classifier_dropout", dropout.embeddings);
}

int32_t read_token_types(const ConfigReader& config) { return config.size("type_vocab_size", kMostTokenTypes, 2); }

Embeddings bert_embeddings(const std::string& prefix, const EncoderSizes& sizes, int32_t width) {
  const std::string base = prefix + "embeddings.";
  return {.words = {base + "word_embeddings.weight", {sizes.vocab_size, width}, sizes.padding_row},
          .positions = {base + "position_embeddings.weight", {sizes.positions, width}},
          .token_types = {base + "token_type_embeddings.weight", {sizes.token_types, width}},
          .norm = make_layer_norm(base + "LayerNorm", width, sizes.epsilon)};
}

Block bert_block(const std::string& base, const EncoderSizes& sizes, std::string_view ending) {
  return make_block({.query = fmt::format("{}attention.self.query{}", base, ending),
                     .key = fmt::format("{}attention.self.key{}", base, ending),
                     .value = fmt::format("{}attention.self.value{}", base, ending),
                     .output = base + "attention.output.dense",
                     .attention_norm = base + "attention.output.LayerNorm",
                     .up = base + "intermediate.dense",
                     .down = base + "output.dense",
                     .ffn_norm = base + "output.LayerNorm"},
                    sizes);
}

std::string bert_layer(const std::string& prefix, int32_t index) {
  return fmt::format("{}encoder.layer.{}.", prefix, index);
}

int32_t count_positions_from(int32_t padding_id, const EncoderSizes& sizes, const ConfigReader& config,
                             Embeddings& embeddings) {
  embeddings.position_offset = padding_id + 1;
  embeddings.uncounted_id = padding_id;
  embeddings.positions.padding_row = padding_id;
  if (sizes.positions <= embeddings.position_offset) {
    config.contradiction(
        fmt::format("\"max_position_embeddings\" is {}, more than {} were expected, since positions "
                    "start behind the padding id {}.",
                    sizes.positions, embeddings.position_offset, padding_id));
  }
  return sizes.positions - embeddings.position_offset;
}

}  // namespace paceline
