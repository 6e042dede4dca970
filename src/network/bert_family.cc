#include "network/bert_family.h"

#include <fmt/format.h>

#include <cmath>

#include "base/suggest.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// Bounds on what a config.json may ask for: several times what the largest published encoders have, and small enough
// that no product of two sizes leaves 64 bits.
constexpr int64_t kMostVocabulary = int64_t{1} << 24;
constexpr int64_t kMostHidden = 1 << 16;
constexpr int64_t kMostIntermediate = 1 << 18;
constexpr int64_t kMostLayers = 1000;
constexpr int64_t kMostPositions = 1 << 20;
constexpr int64_t kMostTokenTypes = 1024;

int32_t read_size(const Json& config, std::string_view key, std::string_view where, int64_t most) {
  return static_cast<int32_t>(json_integer(config, key, where, 1, most));
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

BertSizes read_bert_sizes(const Json& config, std::string_view where, int32_t default_pad) {
  BertSizes sizes;
  sizes.vocab_size = read_size(config, "vocab_size", where, kMostVocabulary);
  sizes.hidden_size = read_size(config, "hidden_size", where, kMostHidden);
  sizes.layers = read_size(config, "num_hidden_layers", where, kMostLayers);
  sizes.heads = read_size(config, "num_attention_heads", where, kMostHidden);
  sizes.intermediate_size = read_size(config, "intermediate_size", where, kMostIntermediate);
  sizes.positions = read_size(config, "max_position_embeddings", where, kMostPositions);
  // The fallbacks are those of transformers.
  sizes.token_types = static_cast<int32_t>(json_integer(config, "type_vocab_size", where, 1, kMostTokenTypes, 2));
  sizes.epsilon = json_number(config, "layer_norm_eps", where, 0, 1, 1e-12);
  sizes.pad_token_id =
      static_cast<int32_t>(json_integer(config, "pad_token_id", where, 0, sizes.vocab_size - 1, default_pad));
  if (sizes.hidden_size % sizes.heads != 0) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"hidden_size\" is {} and \"num_attention_heads\" is {}, a multiple was expected.",
                            where, sizes.hidden_size, sizes.heads));
  }
  return sizes;
}

void refuse_bert_variants(const Json& config, std::string_view where) {
  const auto refuse = [&](std::string_view what) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] {}", where, what));
  };
  const std::string activation = json_string(config, "hidden_act", where, "gelu");
  if (activation != "gelu") {
    refuse(fmt::format("\"hidden_act\" is \"{}\", only \"gelu\" (the exact one, with erf) is supported.",
                       excerpt(activation)));
  }
  const std::string positions = json_string(config, "position_embedding_type", where, "absolute");
  if (positions != "absolute") {
    refuse(fmt::format("\"position_embedding_type\" is \"{}\", only \"absolute\" is supported.", excerpt(positions)));
  }
  for (const char* key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"}) {
    if (json_bool(config, key, where, false)) {
      refuse(fmt::format("\"{}\" is true, an encoder that reads both ways was expected.", key));
    }
  }
  if (config.contains("quantization_config") && !config["quantization_config"].is_null()) {
    refuse("\"quantization_config\" is there, float weights were expected. Use the checkpoint from before quantising.");
  }
  if (config.contains("pruned_heads") && !config["pruned_heads"].empty()) {
    refuse("\"pruned_heads\" is not empty, whole attention layers were expected.");
  }
}

bool wants_classification_head(const Json& config, std::string_view where, bool stored) {
  const auto field = config.find("architectures");
  if (field == config.end() || !field->is_array() || field->empty() || !field->front().is_string()) {
    return stored;
  }
  const std::string name = field->front().get<std::string>();
  if (ends_with(name, "ForSequenceClassification")) {
    return true;
  }
  if (ends_with(name, "Model") || ends_with(name, "ForMaskedLM")) {
    return false;
  }
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("[{}] \"architectures\" is \"{}\", a model ...ForSequenceClassification or an encoder without "
                  "a head (...Model, ...ForMaskedLM) was expected.",
                  where, excerpt(name)));
}

Dense make_dense(const std::string& name, int32_t in, int32_t out) {
  return {.weight = {name + ".weight", {out, in}}, .bias = {name + ".bias", {out}}, .in = in, .out = out};
}

LayerNorm make_layer_norm(const std::string& name, int32_t size, double epsilon) {
  return {.scale = {name + ".weight", {size}}, .bias = {name + ".bias", {size}}, .epsilon = epsilon};
}

Embeddings bert_embeddings(const std::string& prefix, const BertSizes& sizes, int32_t position_offset) {
  const std::string base = prefix + "embeddings.";
  return {.words = {base + "word_embeddings.weight", {sizes.vocab_size, sizes.hidden_size}},
          .positions = {base + "position_embeddings.weight", {sizes.positions, sizes.hidden_size}},
          .position_offset = position_offset,
          .token_types = {base + "token_type_embeddings.weight", {sizes.token_types, sizes.hidden_size}},
          .norm = make_layer_norm(base + "LayerNorm", sizes.hidden_size, sizes.epsilon)};
}

Block bert_block(const std::string& prefix, const BertSizes& sizes, int32_t index) {
  const std::string base = fmt::format("{}encoder.layer.{}.", prefix, index);
  const int32_t hidden = sizes.hidden_size;
  const int32_t head_dim = hidden / sizes.heads;
  return {.attention = {.query = make_dense(base + "attention.self.query", hidden, hidden),
                        .key = make_dense(base + "attention.self.key", hidden, hidden),
                        .value = make_dense(base + "attention.self.value", hidden, hidden),
                        .output = make_dense(base + "attention.output.dense", hidden, hidden),
                        .heads = sizes.heads,
                        .head_dim = head_dim,
                        .scale = 1.0 / std::sqrt(static_cast<double>(head_dim))},
          .attention_norm = make_layer_norm(base + "attention.output.LayerNorm", hidden, sizes.epsilon),
          .ffn = {.up = make_dense(base + "intermediate.dense", hidden, sizes.intermediate_size),
                  .activation = Activation::kGelu,
                  .down = make_dense(base + "output.dense", sizes.intermediate_size, hidden)},
          .ffn_norm = make_layer_norm(base + "output.LayerNorm", hidden, sizes.epsilon)};
}

}  // namespace paceline
