#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "network/network.h"

namespace paceline {

/// What config.json says.
struct ModelConfig {
  Network network;
  std::vector<std::string> labels;  ///< [K]; empty without a head
  ProblemType problem_type = ProblemType::kSingleLabelClassification;
  bool random_weights = false;
};

/// Reads config.json's content; `tensor_names` as describe_network takes them. `where` opens messages.
/// Throws Error{corrupt_data, unsupported}.
ModelConfig read_model_config(const Json& config, const std::set<std::string>& tensor_names, std::string_view where);

/// The longest sequence in tokens: tokenizer_config.json's model_max_length (max_len in old files) where that is below
/// what the positions serve. transformers writes 1e30 for "no limit". Throws Error{corrupt_data} for a limit that is no
/// positive number.
int32_t limit_length(const Json& tokenizer_config, int32_t max_tokens, std::string_view where);

}  // namespace paceline
