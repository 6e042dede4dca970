#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "backend/backend_options.h"
#include "batch/batch_planner.h"
#include "checkpoint/checkpoint.h"
#include "paceline/classifier.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// Texts that are read, sorted and run together where nobody says how many: enough that batches of like length are
/// full, few enough that their ids and logits are small beside a model.
inline constexpr int32_t kChunkTexts = 10000;

/// How texts become logits: what classify does without a plan, what bench varies, what plan.json stores.
struct RunOptions {
  BackendOptions backend{};
  BatchLimits limits{.max_batch_tokens = 16384, .order = Order::kLength, .chunk = kChunkTexts};
  std::optional<LongTextOptions> long_texts{};  ///< empty: cut, and nobody asks how much
  bool counts_cut = false;  ///< the tokens cut off are counted, though nobody asked how long texts are read
  int32_t instances = 1;    ///< copies of the model that take batches side by side; backend.threads is of each
  CheckpointOptions checkpoint_options{};
};

/// How many texts go through the work together: as many as `chunk` asks for (0: kChunkTexts), but of many `outputs` so
/// few that their logits take at most 64 MB. At least 1.
std::size_t chunk_texts(int32_t chunk, int32_t outputs);

/// Whether long texts are read in windows.
bool in_windows(const std::optional<LongTextOptions>& long_texts);

/// How a checkpoint's texts are encoded.
TokenizerOptions tokenizer_options(const Checkpoint& checkpoint, const RunOptions& run);

}  // namespace paceline
