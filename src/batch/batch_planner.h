#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "paceline/packed_batch.h"

namespace paceline {

/// In which order texts are put into batches.
enum class Order { kInput, kLength };

std::string_view order_name(Order order);

struct BatchLimits {
  int32_t batch_size = 0;        ///< sequences a batch at most; 0: no limit
  int32_t max_batch_tokens = 0;  ///< tokens a batch at most, padding included where `padded`; 0: no limit
  Order order = Order::kInput;
  int32_t chunk = 0;    ///< order kLength: how many texts are sorted together; 0: all
  bool padded = false;  ///< the backend pads: a batch costs sequences x its longest
};

/// One batch: indices into the lengths given, in the order they are run.
struct PlannedBatch {
  std::vector<uint32_t> indices;
  int64_t tokens = 0;  ///< real tokens
  int32_t max_seqlen = 0;
  int64_t padded_tokens() const { return static_cast<int64_t>(indices.size()) * max_seqlen; }
};

struct BatchPlan {
  std::vector<PlannedBatch> batches;
  int64_t tokens = 0;
  double padding_ratio = 0;  ///< 1 - real / padded tokens, were every batch padded to its longest
};

/// Puts every text into exactly one batch. A text longer than the token budget gets a batch of its own.
/// Stable: texts of one length keep their order. Throws Error{invalid_argument} for lengths below 1 or negative limits.
BatchPlan plan_batches(std::span<const int32_t> lengths, const BatchLimits& limits);

/// Appends one sequence. `token_type_ids` empty or as long as `input_ids`.
void append_sequence(PackedBatch& batch, std::span<const int32_t> input_ids, std::span<const int32_t> token_type_ids);

/// Makes the batch empty, keeping its memory.
void clear(PackedBatch& batch);

}  // namespace paceline
