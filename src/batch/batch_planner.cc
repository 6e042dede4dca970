#include "batch/batch_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

#include "batch/order_names.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// cu_seqlens counts tokens in 32 bits, so no batch may hold more, budget or not.
constexpr int64_t kMaxTokens = std::numeric_limits<int32_t>::max();

void check_limits(const BatchLimits& limits) {
  if (limits.batch_size < 0 || limits.max_batch_tokens < 0 || limits.chunk < 0) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[batch limits] batch size {}, max batch tokens {}, chunk {} were given, none may be "
                            "negative. 0 means no limit.",
                            limits.batch_size, limits.max_batch_tokens, limits.chunk)};
  }
}

void check_lengths(std::span<const int32_t> lengths) {
  const auto bad = std::find_if(lengths.begin(), lengths.end(), [](int32_t length) { return length < 1; });
  if (bad != lengths.end()) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[batch planner] text {} has {} tokens, at least 1 was expected. Special tokens count.",
                            bad - lengths.begin(), *bad)};
  }
}

/// The texts in the order in which they are cut into batches. Longest first within a chunk: the first batch then
/// needs the most memory, so that a machine too small says so at once and buffers never grow again, and what remains
/// for the last, incomplete batch is the cheapest.
std::vector<uint32_t> arrange(std::span<const int32_t> lengths, const BatchLimits& limits) {
  std::vector<uint32_t> indices(lengths.size());
  std::iota(indices.begin(), indices.end(), 0U);
  if (limits.order == Order::kInput) return indices;
  const std::size_t chunk = limits.chunk == 0 ? indices.size() : static_cast<std::size_t>(limits.chunk);
  for (std::size_t begin = 0; begin < indices.size(); begin += chunk) {
    const std::size_t end = std::min(begin + chunk, indices.size());
    std::stable_sort(indices.begin() + static_cast<std::ptrdiff_t>(begin),
                     indices.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](uint32_t a, uint32_t b) { return lengths[a] > lengths[b]; });
  }
  return indices;
}

/// Whether a batch may take one more text of `length` tokens.
bool fits(const PlannedBatch& batch, int32_t length, const BatchLimits& limits) {
  if (batch.indices.empty()) return true;
  const auto grown = static_cast<int64_t>(batch.indices.size()) + 1;
  if (limits.batch_size > 0 && grown > limits.batch_size) return false;
  const int64_t tokens = limits.padded ? grown * std::max(batch.max_seqlen, length) : batch.tokens + length;
  return tokens <= (limits.max_batch_tokens > 0 ? limits.max_batch_tokens : kMaxTokens);
}

}  // namespace

std::string_view order_name(Order order) { return name_of(order, kOrderNames); }

BatchPlan plan_batches(std::span<const int32_t> lengths, const BatchLimits& limits) {
  check_limits(limits);
  check_lengths(lengths);
  BatchPlan plan;
  int64_t padded = 0;
  std::size_t left_in_chunk = 0;
  for (const uint32_t index : arrange(lengths, limits)) {
    const int32_t length = lengths[index];
    const bool chunk_ends = limits.order == Order::kLength && limits.chunk > 0 && left_in_chunk == 0;
    if (chunk_ends) left_in_chunk = static_cast<std::size_t>(limits.chunk);
    if (left_in_chunk > 0) --left_in_chunk;
    if (plan.batches.empty() || chunk_ends || !fits(plan.batches.back(), length, limits)) {
      plan.batches.emplace_back();
    }
    PlannedBatch& batch = plan.batches.back();
    batch.indices.push_back(index);
    batch.tokens += length;
    batch.max_seqlen = std::max(batch.max_seqlen, length);
    plan.tokens += length;
  }
  for (const PlannedBatch& batch : plan.batches) padded += batch.padded_tokens();
  if (padded > 0) plan.padding_ratio = 1.0 - static_cast<double>(plan.tokens) / static_cast<double>(padded);
  return plan;
}

void append_sequence(PackedBatch& batch, std::span<const int32_t> input_ids, std::span<const int32_t> token_type_ids) {
  const auto length = static_cast<int64_t>(input_ids.size());
  if (length < 1 || batch.tokens() + length > kMaxTokens) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[packed batch] a sequence of {} tokens cannot follow {} others, a batch holds 1 to {}. "
                            "Lower the batch size.",
                            length, batch.tokens(), kMaxTokens)};
  }
  const bool typed = !token_type_ids.empty();
  if ((typed && token_type_ids.size() != input_ids.size()) ||
      (batch.sequences() > 0 && typed == batch.token_type_ids.empty())) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[packed batch] {} token types were given for {} tokens, all sequences of a batch have as "
                            "many token types as tokens or none has any.",
                            token_type_ids.size(), length)};
  }
  batch.input_ids.insert(batch.input_ids.end(), input_ids.begin(), input_ids.end());
  batch.token_type_ids.insert(batch.token_type_ids.end(), token_type_ids.begin(), token_type_ids.end());
  batch.cu_seqlens.push_back(batch.tokens() + static_cast<int32_t>(length));
  batch.max_seqlen = std::max(batch.max_seqlen, static_cast<int32_t>(length));
}

void clear(PackedBatch& batch) {
  batch.input_ids.clear();
  batch.token_type_ids.clear();
  batch.cu_seqlens.assign(1, 0);
  batch.max_seqlen = 0;
}

}  // namespace paceline
