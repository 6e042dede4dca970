#include "batch/check_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "paceline/error.h"

namespace paceline {

void check_types_input(const Network& network, bool has_input, std::string_view file) {
  if (network.without_types != WithoutTypes::kNothing || reads_token_types(network) == has_input) return;
  throw Error(
      ErrorCode::kUnsupported,
      has_input ? fmt::format("[{}] the file wants token types, and the tokenizer hands out none: {} then adds no term "
                              "for them, which the file cannot do. Export it without token_type_ids, or give "
                              "--token-types yes.",
                              file, network.architecture)
                : fmt::format("[{}] the file takes no token types, and the tokenizer hands them out: {} adds a term "
                              "for each. Export it with token_type_ids, or give --token-types no.",
                              file, network.architecture));
}

void refuse_lost_types(const PackedBatch& batch, std::string_view file) {
  if (std::all_of(batch.token_type_ids.begin(), batch.token_type_ids.end(), [](int32_t type) { return type == 0; })) {
    return;
  }
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("[{}] a pair has tokens of type {}, and the file has no input for token types. Export it with "
                  "token_type_ids, or give --token-types no.",
                  file, *std::max_element(batch.token_type_ids.begin(), batch.token_type_ids.end())));
}

}  // namespace paceline
