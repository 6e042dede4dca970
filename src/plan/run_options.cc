#include "plan/run_options.h"

namespace paceline {

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
