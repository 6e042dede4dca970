#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <vector>

#include "network/architectures.h"
#include "network/bert_family.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// What a pair of places adds to the score beside the product of the contents.
struct PositionTerms {
  bool key = false;    ///< "c2p": content to position
  bool query = false;  ///< "p2c"
};

/// A list of names, or, in old files, one text with bars between them.
PositionTerms read_terms(const ArchitectureInput& input, const ConfigReader& config) {
  if (!config.has("pos_att_type")) return {};
  const Json& field = input.config["pos_att_type"];
  std::vector<std::string> names;
  if (field.is_string()) {
    std::string text = field.get<std::string>();
    std::erase(text, ' ');
    for (char& letter : text) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('|', begin), text.size());
      names.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  } else if (field.is_array() &&
             std::all_of(field.begin(), field.end(), [](const Json& one) { return one.is_string(); })) {
    names = field.get<std::vector<std::string>>();
  } else {
    config.contradiction("\"pos_att_type\" was expected as a list of \"c2p\" and \"p2c\".");
  }
  PositionTerms terms;
  for (const std::string& name : names) {
    if (name == "c2p") {
      terms.key = true;
    } else if (name == "p2c") {
      terms.query = true;
    } else if (!name.empty()) {
      config.refuse(fmt::format("\"pos_att_type\" has \"{}\", \"c2p\" and \"p2c\" are supported.", excerpt(name)));
    }
  }
  return terms;
}

RelativePositions read_relative_positions(const ConfigReader& config, const std::string& prefix,
                                          const EncoderSizes& sizes) {
  if (!config.flag("relative_attention", false)) return {};
  const auto positive = [&](std::string_view key, int32_t otherwise) {
    const int32_t value = config.has(key) ? static_cast<int32_t>(config.number(key, -1, kMostPositions, -1)) : -1;
    return value < 1 ? otherwise : value;
  };
  RelativePositions relative{.kind = RelativeKind::kLearned};
  relative.max_distance = positive("max_relative_positions", sizes.positions);
  relative.buckets = positive("position_buckets", 0);
  relative.span = relative.buckets > 0 ? relative.buckets : relative.max_distance;
  if (relative.buckets == 1 || (relative.buckets > 0 && relative.max_distance - 1 <= relative.buckets / 2)) {
    config.contradiction(
        fmt::format("\"position_buckets\" is {} and \"max_relative_positions\" is {}, two buckets or more and "
                    "more than half as many positions as buckets were expected.",
                    relative.buckets, relative.max_distance));
  }
  relative.table = {prefix + "encoder.rel_embeddings.weight", {2 * relative.span, sizes.hidden_size}};
  const std::string norm = config.text("norm_rel_ebd", "none");
  if (norm.find("layer_norm") != std::string::npos) {
    relative.norm = make_layer_norm(prefix + "encoder.LayerNorm", sizes.hidden_size, sizes.epsilon);
  } else if (norm != "none") {
    config.one_of("norm_rel_ebd", {"none", "layer_norm"}, "none");
  }
  return relative;
}

void add_position_terms(const std::string& base, const EncoderSizes& sizes, const PositionTerms& terms, bool shared,
                        SelfAttention& attention) {
  const int32_t width = sizes.heads * sizes.head_dim;
  if (terms.key) {
    attention.position_key =
        shared ? attention.key : make_dense(base + "attention.self.pos_key_proj", sizes.hidden_size, width);
  }
  if (terms.query) {
    attention.position_query =
        shared ? attention.query : make_dense(base + "attention.self.pos_query_proj", sizes.hidden_size, width);
  }
}

Embeddings make_embeddings(const std::string& prefix, const EncoderSizes& sizes, const ConfigReader& config,
                           int32_t token_types) {
  const int32_t width = config.size("embedding_size", kMostHidden, sizes.hidden_size);
  Embeddings embeddings = bert_embeddings(prefix, sizes, width);
  embeddings.norm = make_layer_norm(prefix + "embeddings.LayerNorm", sizes.hidden_size, sizes.epsilon);
  if (!config.flag("position_biased_input", true)) embeddings.positions = {};
  if (token_types == 0) embeddings.token_types = {};
  if (width != sizes.hidden_size) {
    embeddings.projection = make_dense_without_bias(prefix + "embeddings.embed_proj", width, sizes.hidden_size);
    embeddings.project_first = true;
  }
  return embeddings;
}

Convolution read_convolution(const std::string& prefix, const EncoderSizes& sizes, const ConfigReader& config) {
  const int32_t kernel = config.count("conv_kernel_size", 63, 0);
  if (kernel == 0) return {};
  if (kernel % 2 == 0) config.refuse(fmt::format("\"conv_kernel_size\" is {}, an odd number was expected.", kernel));
  const int32_t groups = config.size("conv_groups", kMostHidden, 1);
  config.head_dim("hidden_size", sizes.hidden_size, "conv_groups", groups);
  return {.weight = {prefix + "encoder.conv.conv.weight", {sizes.hidden_size, sizes.hidden_size / groups, kernel}},
          .bias = {prefix + "encoder.conv.conv.bias", {sizes.hidden_size}},
          .kernel = kernel,
          .groups = groups,
          .activation = config.activation("conv_act", "tanh"),
          .norm = make_layer_norm(prefix + "encoder.conv.LayerNorm", sizes.hidden_size, sizes.epsilon)};
}

}  // namespace

// DeBERTa v2 and v3 (He et al. 2021, 2023): BERT's blocks with disentangled attention; head of a dense layer on the
// first token (the "context pooler") and another. Tensor names as transformers writes them.
Network describe_deberta(const ArchitectureInput& input) {
  const ConfigReader config(input);
  EncoderSizes sizes = read_bert_sizes(config, 0);
  const int32_t token_types = config.count("type_vocab_size", kMostTokenTypes, 0);
  sizes.epsilon = config.number("layer_norm_eps", 0, 1, 1e-7);
  sizes.token_types = std::max(token_types, 1);
  sizes.head_dim = config.size("attention_head_size", kMostHidden, sizes.head_dim);
  const std::string prefix = stored_prefix(input, "deberta.", "embeddings.word_embeddings.weight");
  Network network = start_network(sizes, sizes.positions);
  network.dropout = read_bert_dropout(config);
  network.dropout.positions = network.dropout.embeddings;
  network.dropout.convolution = network.dropout.embeddings;
  network.embeddings = make_embeddings(prefix, sizes, config, token_types);
  network.relative = read_relative_positions(config, prefix, sizes);
  network.convolution = read_convolution(prefix, sizes, config);
  const PositionTerms terms = read_terms(input, config);
  for (int32_t i = 0; i < sizes.layers; ++i) {
    const std::string base = bert_layer(prefix, i);
    Block block = bert_block(base, sizes, "_proj");
    // The scale counts the terms even where relative attention is off.
    const int32_t summands = 1 + (terms.key ? 1 : 0) + (terms.query ? 1 : 0);
    block.attention.scale = 1.0 / std::sqrt(static_cast<double>(sizes.head_dim) * summands);
    if (network.relative.kind != RelativeKind::kNone) {
      add_position_terms(base, sizes, terms, config.flag("share_att_key", false), block.attention);
    }
    network.blocks.push_back(block);
  }
  if (!terms.key && !terms.query) network.relative = {};
  if (const int32_t labels = classifier_outputs(input, "classifier.weight"); labels > 0) {
    const int32_t pooled = config.size("pooler_hidden_size", kMostHidden, sizes.hidden_size);
    if (pooled != sizes.hidden_size) {
      config.contradiction(fmt::format("\"pooler_hidden_size\" is {} and \"hidden_size\" is {}, the same was expected.",
                                       pooled, sizes.hidden_size));
    }
    HeadStep pooler{.dense = make_dense("pooler.dense", sizes.hidden_size, sizes.hidden_size)};
    pooler.activation = config.activation("pooler_hidden_act", "gelu");
    pooler.dropout = config.share("pooler_dropout", 0);
    HeadStep classifier{.dense = make_dense("classifier", sizes.hidden_size, labels)};
    classifier.dropout = config.share("cls_dropout", network.dropout.embeddings);
    set_head(network, {pooler, classifier});
  }
  return network;
}

}  // namespace paceline
