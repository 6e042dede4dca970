#include "plan/run_options.h"

#include <algorithm>

namespace paceline {

std::size_t chunk_texts(int32_t chunk, int32_t outputs) {
  constexpr int32_t kMostLogits = 1 << 24;
  return static_cast<std::size_t>(std::clamp(kMostLogits / std::max(outputs, 1), 1, chunk > 0 ? chunk : kChunkTexts));
}

bool in_windows(const std::optional<LongTextOptions>& long_texts) {
  return long_texts && long_texts->mode == LongTextOptions::Mode::kWindow;
}

TokenizerOptions tokenizer_options(const Checkpoint& checkpoint, const RunOptions& run) {
  const bool windows = in_windows(run.long_texts);
  return {.max_length = checkpoint.max_length(),
          .token_types = reads_token_types(checkpoint.network()),
          .known_ids = checkpoint.network().vocab_size,
          .known_types = checkpoint.token_types().known,
          .count_truncated = run.counts_cut || run.long_texts.has_value(),
          .windows = windows,
          .stride = windows ? run.long_texts->stride : 0};
}

}  // namespace paceline
