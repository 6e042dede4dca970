#include "backend/onnxruntime/check_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "paceline/error.h"

namespace paceline {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[onnxruntime] " + what); }

// That cu_seqlens cuts the ids into sequences that the model takes.
void check_lengths(const PackedBatch& batch, const Network& network) {
  if (batch.cu_seqlens.size() < 2) refuse("An empty batch was given, at least one sequence was expected.");
  const auto tokens = static_cast<int64_t>(batch.input_ids.size());
  if (batch.cu_seqlens.front() != 0 || batch.tokens() != tokens) {
    refuse(fmt::format("cu_seqlens runs from {} to {}, the batch has {} tokens.", batch.cu_seqlens.front(),
                       batch.tokens(), tokens));
  }
  const int32_t longest = std::min(network.max_tokens, batch.max_seqlen);
  for (int32_t i = 0; i < batch.sequences(); ++i) {
    if (batch.length(i) >= 1 && batch.length(i) <= longest) continue;
    refuse(fmt::format("Sequence {} has {} tokens, 1 to {} were expected.", i, batch.length(i), longest));
  }
  if (batch.max_seqlen > network.max_tokens) {
    refuse(fmt::format("max_seqlen is {}, the model takes {}.", batch.max_seqlen, network.max_tokens));
  }
}

// Ids outside their tables: the engine would refuse them too, but less clearly.
void check_ids(const PackedBatch& batch, const Network& network) {
  for (const int32_t id : batch.input_ids) {
    if (id >= 0 && id < network.vocab_size) continue;
    refuse(fmt::format("The token id {} was given, the vocabulary has 0 to {}. The tokenizer is of another model.", id,
                       network.vocab_size - 1));
  }
  if (batch.token_type_ids.empty()) return;
  if (batch.token_type_ids.size() != batch.input_ids.size()) {
    refuse(
        fmt::format("{} token types were given for {} tokens.", batch.token_type_ids.size(), batch.input_ids.size()));
  }
  for (const int32_t type : batch.token_type_ids) {
    if (type >= 0 && type < network.token_types) continue;
    refuse(fmt::format("The token type {} was given, the model has 0 to {}.", type, network.token_types - 1));
  }
}

}  // namespace

void check_batch(const PackedBatch& batch, const Network& network, std::size_t logits_size) {
  check_lengths(batch, network);
  check_ids(batch, network);
  const int64_t wanted = int64_t{batch.sequences()} * network.outputs;
  if (static_cast<int64_t>(logits_size) != wanted) {
    refuse(fmt::format("Room for {} logits was given, {} sequences of {} outputs need {}.", logits_size,
                       batch.sequences(), network.outputs, wanted));
  }
}

}  // namespace paceline
