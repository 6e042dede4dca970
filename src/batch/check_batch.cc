#include "batch/check_batch.h"

#include <fmt/format.h>

#include <span>
#include <string>

#include "paceline/error.h"

namespace paceline {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("[batch] {}", what));
}

void check_layout(const PackedBatch& batch) {
  if (batch.cu_seqlens.size() < 2) refuse("an empty batch was given, at least one sequence is needed.");
  const auto tokens = static_cast<std::size_t>(batch.cu_seqlens.back());
  if (batch.cu_seqlens.front() != 0 || batch.cu_seqlens.back() < 0 || batch.input_ids.size() != tokens) {
    refuse(fmt::format(
        "cu_seqlens run from {} to {}, {} ids were given: they must start at 0 and end at the number of ids.",
        batch.cu_seqlens.front(), batch.cu_seqlens.back(), batch.input_ids.size()));
  }
  if (!batch.token_type_ids.empty() && batch.token_type_ids.size() != tokens) {
    refuse(fmt::format("{} token_type_ids were given for {} ids, there must be as many or none.",
                       batch.token_type_ids.size(), tokens));
  }
}

void check_range(std::span<const int32_t> ids, int32_t limit, int32_t sequence, const char* name) {
  for (const int32_t id : ids) {
    if (id < 0 || id >= limit) {
      refuse(fmt::format("sequence {} has {} {}, the model knows 0 to {}. Does the tokenizer belong to this model?",
                         sequence, name, id, limit - 1));
    }
  }
}

}  // namespace

void check_batch(const PackedBatch& batch, const Network& network, std::size_t logits_size) {
  check_layout(batch);
  const std::size_t expected = static_cast<std::size_t>(batch.sequences()) * static_cast<std::size_t>(network.outputs);
  if (logits_size != expected) {
    refuse(fmt::format("room for {} logits was given, {} sequences x {} outputs need {}.", logits_size,
                       batch.sequences(), network.outputs, expected));
  }
  for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
    const int32_t first = batch.cu_seqlens[static_cast<std::size_t>(sequence)];
    const int64_t length = int64_t{batch.cu_seqlens[static_cast<std::size_t>(sequence) + 1]} - first;
    if (length < 1 || length > network.max_tokens || first + length > batch.tokens()) {
      refuse(fmt::format("sequence {} has {} tokens, the model takes 1 to {}. Cut longer texts when tokenizing.",
                         sequence, length, network.max_tokens));
    }
    if (length > batch.max_seqlen) {
      refuse(fmt::format("sequence {} has {} tokens, max_seqlen is {}: it must be that of the longest.", sequence,
                         length, batch.max_seqlen));
    }
  }
  if (batch.token_type_ids.empty() && reads_token_types(network) && network.without_types == WithoutTypes::kNothing) {
    refuse(
        fmt::format("no token_type_ids were given, this {} is handed some. Give them, or open the checkpoint without.",
                    network.architecture));
  }
  if (batch.max_seqlen > network.max_tokens) {
    refuse(fmt::format("max_seqlen is {}, the model takes 1 to {} tokens.", batch.max_seqlen, network.max_tokens));
  }
  for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
    const auto first = static_cast<std::size_t>(batch.cu_seqlens[static_cast<std::size_t>(sequence)]);
    const auto length = static_cast<std::size_t>(batch.length(sequence));
    check_range(std::span(batch.input_ids).subspan(first, length), network.vocab_size, sequence, "token id");
    if (!batch.token_type_ids.empty()) {
      check_range(std::span(batch.token_type_ids).subspan(first, length), network.token_types, sequence, "token type");
    }
  }
}

}  // namespace paceline
