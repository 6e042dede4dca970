#pragma once

#include <cstdint>
#include <string>

#include "network/config_reader.h"
#include "network/encoder_parts.h"
#include "network/network.h"

namespace paceline {

// What BERT and those that kept its config keys and tensor names have in common: BERT, RoBERTa, ELECTRA.

/// Reads and checks the sizes, but for token types; `default_pad` is the architecture's own where the config has none.
/// Refuses what would change the arithmetic and is not built. Throws as ConfigReader.
EncoderSizes read_bert_sizes(const ConfigReader& config, int32_t default_pad);

/// "hidden_dropout_prob" of the embeddings and of what each layer's parts add, "attention_probs_dropout_prob" of the
/// probabilities; `fallback` is the architecture's own for both.
Dropout read_bert_dropout(const ConfigReader& config, double fallback = 0.1);

/// Of the head's layers: "classifier_dropout", or that of the layers where there is none.
double read_classifier_dropout(const ConfigReader& config, const Dropout& dropout);

/// Rows of the token type table.
int32_t read_token_types(const ConfigReader& config);

/// Tables `width` wide below `prefix` ("roberta.").
Embeddings bert_embeddings(const std::string& prefix, const EncoderSizes& sizes, int32_t width);
/// The block below `base` ("roberta.encoder.layer.3."); `ending`: of the names of query, key and value.
Block bert_block(const std::string& base, const EncoderSizes& sizes, std::string_view ending = "");
/// What `base` is for a layer of BERT's names.
std::string bert_layer(const std::string& prefix, int32_t index);

/// Positions that start behind `padding_id`, which itself is not counted, in a text either. Returns how many tokens the
/// table serves. Throws Error{corrupt_data} where it serves none.
int32_t count_positions_from(int32_t padding_id, const EncoderSizes& sizes, const ConfigReader& config,
                             Embeddings& embeddings);

}  // namespace paceline
