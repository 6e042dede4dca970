#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "network/architectures.h"
#include "network/config_reader.h"
#include "network/network.h"

namespace paceline {

/// What the blocks of an encoder have in common.
struct EncoderSizes {
  int32_t vocab_size = 0;
  int32_t hidden_size = 0;
  int32_t layers = 0;
  int32_t heads = 0;
  int32_t head_dim = 0;
  int32_t intermediate_size = 0;
  int32_t positions = 0;  ///< rows of the position table
  int32_t token_types = 1;
  int32_t pad_token_id = 0;
  int32_t padding_row = -1;  ///< of the table of words: see Weight
  double epsilon = 0;        ///< of every LayerNorm
  Activation activation = Activation::kGelu;
};

/// The class that config.json's "architectures" names; empty where it names none. Throws Error{corrupt_data}.
std::string named_class(const Json& config, std::string_view where);

/// The row of the table of words that takes no gradient: that of the padding id, unless the key of it is null.
int32_t read_padding_row(const ConfigReader& config, std::string_view key, const EncoderSizes& sizes);

/// Whether positions are trained: transformers 4 leaves them as they are where the key says that they are sines, 5 does
/// not.
bool read_trained_positions(const ArchitectureInput& input, std::string_view key);

/// A network of these sizes without weights: longest sequence `max_tokens`, every layer with a block of its own,
/// encoder's output.
Network start_network(const EncoderSizes& sizes, int32_t max_tokens);

Dense make_dense(const std::string& name, int32_t in, int32_t out);
Dense make_dense_without_bias(const std::string& name, int32_t in, int32_t out);
LayerNorm make_layer_norm(const std::string& name, int32_t size, double epsilon);

/// What the parts of a block are called, each without ".weight".
struct BlockNames {
  std::string query, key, value, output, attention_norm, up, down, ffn_norm;
};

/// A block of four dense layers, attention over all tokens and a feed-forward, each with a norm behind.
Block make_block(const BlockNames& names, const EncoderSizes& sizes);

/// `prefix`, below which a model with a head keeps its encoder, or nothing where the tensor `probe` is stored without
/// it, as a bare encoder is saved.
std::string stored_prefix(const ArchitectureInput& input, std::string_view prefix, std::string_view probe);

/// Labels of the sequence classification head that config.json's "architectures" asks for, or where it says nothing or
/// names an encoder, that the weights have (the tensor `probe`); 0: an encoder without one. Throws Error{unsupported}
/// for another head.
int32_t classifier_outputs(const ArchitectureInput& input, std::string_view probe);

/// Gives the network a head, whose last step makes the logits.
void set_head(Network& network, std::vector<HeadStep> head);

/// The layers of a head on the pooled row, each without ".weight", and what stands between them.
struct TwoLayerHead {
  std::string first;
  Activation activation = Activation::kTanh;
  std::string last;
  double first_dropout = 0;
  double last_dropout = 0;
};

/// Gives the network that head where one is asked for (classifier_outputs, by the last layer). Throws as that.
void add_two_layer_head(const ArchitectureInput& input, const TwoLayerHead& head, Network& network);

}  // namespace paceline
