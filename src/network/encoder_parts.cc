#include "network/encoder_parts.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "model_folder/saved_by.h"
#include "network/labels.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// Whether there is a sequence classification head: config.json asks for one, or the weights hold one beside the name
/// of an encoder, as transformers finds it there when it is told to load a classifier.
bool wants_classification_head(const ArchitectureInput& input, bool stored) {
  const std::string name = named_class(input.config, input.where);
  if (name.empty()) return stored;
  if (ends_with(name, "ForSequenceClassification")) return true;
  for (const std::string_view encoder : {"Model", "ForMaskedLM", "ForPreTraining"}) {
    if (ends_with(name, encoder)) return stored;
  }
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("[{}] \"architectures\" is \"{}\", a model ...ForSequenceClassification or an encoder without "
                  "a head (...Model, ...ForMaskedLM) was expected.",
                  input.where, excerpt(name)));
}

}  // namespace

std::string named_class(const Json& config, std::string_view where) {
  const auto field = config.find("architectures");
  if (field == config.end() || field->is_null() || (field->is_array() && field->empty())) return "";
  if (!field->is_array() || !field->front().is_string()) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"architectures\" was expected as a list of class names.", where));
  }
  return field->front().get<std::string>();
}

int32_t read_padding_row(const ConfigReader& config, std::string_view key, const EncoderSizes& sizes) {
  return config.is_null(key) ? -1 : sizes.pad_token_id;
}

bool read_trained_positions(const ArchitectureInput& input, std::string_view key) {
  return !ConfigReader(input).flag(key, false) || saved_by(input.config, {}).model == 5;
}

Network start_network(const EncoderSizes& sizes, int32_t max_tokens) {
  Network network;
  network.vocab_size = sizes.vocab_size;
  network.hidden_size = sizes.hidden_size;
  network.intermediate_size = sizes.intermediate_size;
  network.max_tokens = max_tokens;
  network.token_types = sizes.token_types;
  network.pad_token_id = sizes.pad_token_id;
  network.layers.resize(static_cast<std::size_t>(sizes.layers));
  std::iota(network.layers.begin(), network.layers.end(), 0);
  network.outputs = sizes.hidden_size;
  return network;
}

Dense make_dense(const std::string& name, int32_t in, int32_t out) {
  return {.weight = {name + ".weight", {out, in}}, .bias = {name + ".bias", {out}}, .in = in, .out = out};
}

Dense make_dense_without_bias(const std::string& name, int32_t in, int32_t out) {
  return {.weight = {name + ".weight", {out, in}}, .in = in, .out = out};
}

LayerNorm make_layer_norm(const std::string& name, int32_t size, double epsilon) {
  return {.scale = {name + ".weight", {size}}, .bias = {name + ".bias", {size}}, .epsilon = epsilon};
}

Block make_block(const BlockNames& names, const EncoderSizes& sizes) {
  const int32_t hidden = sizes.hidden_size;
  const int32_t width = sizes.heads * sizes.head_dim;
  // Member by member: GCC 12 frees the finished ones twice where an allocation inside of nested braces fails.
  Block block;
  block.attention.query = make_dense(names.query, hidden, width);
  block.attention.key = make_dense(names.key, hidden, width);
  block.attention.value = make_dense(names.value, hidden, width);
  block.attention.output = make_dense(names.output, width, hidden);
  block.attention.heads = sizes.heads;
  block.attention.head_dim = sizes.head_dim;
  block.attention.scale = 1.0 / std::sqrt(static_cast<double>(sizes.head_dim));
  block.attention_norm = make_layer_norm(names.attention_norm, hidden, sizes.epsilon);
  block.ffn.up = make_dense(names.up, hidden, sizes.intermediate_size);
  block.ffn.activation = sizes.activation;
  block.ffn.down = make_dense(names.down, sizes.intermediate_size, hidden);
  block.ffn_norm = make_layer_norm(names.ffn_norm, hidden, sizes.epsilon);
  return block;
}

std::string stored_prefix(const ArchitectureInput& input, std::string_view prefix, std::string_view probe) {
  const bool bare = input.tensor_names.count(std::string(probe)) != 0;
  return bare ? "" : std::string(prefix);
}

int32_t classifier_outputs(const ArchitectureInput& input, std::string_view probe) {
  const bool stored = input.tensor_names.count(std::string(probe)) != 0;
  if (!wants_classification_head(input, stored)) return 0;
  return static_cast<int32_t>(read_labels(input.config, input.where).size());
}

void set_head(Network& network, std::vector<HeadStep> head) {
  network.outputs = head.back().dense.out;
  network.head = std::move(head);
}

void add_two_layer_head(const ArchitectureInput& input, const TwoLayerHead& head, Network& network) {
  const int32_t labels = classifier_outputs(input, head.last + ".weight");
  if (labels == 0) return;
  set_head(network, {{.dense = make_dense(head.first, network.hidden_size, network.hidden_size),
                      .activation = head.activation,
                      .dropout = head.first_dropout},
                     {.dense = make_dense(head.last, network.hidden_size, labels), .dropout = head.last_dropout}});
}

}  // namespace paceline
