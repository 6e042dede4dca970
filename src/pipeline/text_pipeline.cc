#include "pipeline/text_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "backend/registry.h"
#include "base/cpu_topology.h"
#include "base/thread_pool.h"
#include "paceline/error.h"
#include "pipeline/backend_instances.h"

namespace paceline {

namespace {

/// For tokenizing, which all instances wait for: as many threads as they have together.
int32_t pool_threads(const RunOptions& options) {
  return options.instances > 1 && options.backend.threads > 0 ? options.backend.threads * options.instances
                                                              : resolve_threads(options.backend.threads);
}

/// Fewer than a few batches for each instance would leave some without work while others end; much smaller ones waste
/// what batching gains.
constexpr int64_t kBatchesOfEach = 4;
constexpr int64_t kSmallestBudget = 512;

}  // namespace

struct TextPipeline::State {
  State(const std::filesystem::path& model_dir, const RunOptions& run_options)
      : options(run_options),
        checkpoint(Checkpoint::open(model_dir, run_options.checkpoint_options)),
        tokenizer(Tokenizer::load(checkpoint.parts().tokenizer, tokenizer_options(checkpoint, run_options.long_texts))),
        instances(checkpoint, run_options.backend, run_options.instances, create_backend),
        pool(pool_threads(run_options)) {
    options.limits.padded = instances.info().padded;
  }

  BatchLimits limits_for(std::span<const Encoding> encodings) {
    lengths.clear();
    int64_t tokens = 0;
    for (const Encoding& encoding : encodings) {
      lengths.push_back(static_cast<int32_t>(encoding.input_ids.size()));
      tokens += lengths.back();
    }
    BatchLimits limits = options.limits;
    if (instances.size() > 1 && limits.max_batch_tokens > 0) {
      const int64_t fair = tokens / (kBatchesOfEach * instances.size());
      limits.max_batch_tokens =
          static_cast<int32_t>(std::min<int64_t>(limits.max_batch_tokens, std::max(fair, kSmallestBudget)));
    }
    return limits;
  }

  RunOptions options;
  Checkpoint checkpoint;
  Tokenizer tokenizer;
  BackendInstances instances;
  ThreadPool pool;
  std::vector<int32_t> lengths;
  std::vector<std::span<const uint32_t>> batches;
};

TextPipeline::TextPipeline(const std::filesystem::path& model_dir, const RunOptions& options)
    : state_(std::make_unique<State>(model_dir, options)) {}

TextPipeline::~TextPipeline() = default;

const Checkpoint& TextPipeline::checkpoint() const { return state_->checkpoint; }
const Tokenizer& TextPipeline::tokenizer() const { return state_->tokenizer; }
const BackendInfo& TextPipeline::info() const { return state_->instances.info(); }
const RunOptions& TextPipeline::options() const { return state_->options; }

Sequences TextPipeline::encode(std::span<const Text> texts) {
  return split_windows(state_->tokenizer.encode_all(texts, state_->pool), state_->checkpoint.max_length());
}

void TextPipeline::run(std::span<const Encoding> encodings, std::span<float> logits) {
  run(encodings, logits, [](std::size_t) { return true; });
}

bool TextPipeline::run(std::span<const Encoding> encodings, std::span<float> logits,
                       FunctionRef<bool(std::size_t)> go_on) {
  const auto expected = encodings.size() * static_cast<std::size_t>(info().outputs);
  if (logits.size() != expected) {
    throw Error{ErrorCode::kInvalidArgument, fmt::format("[classify] room for {} logits was given, {} texts need {}.",
                                                         logits.size(), encodings.size(), expected)};
  }
  const BatchLimits limits = state_->limits_for(encodings);
  const BatchPlan plan = plan_batches(state_->lengths, limits);
  state_->batches.clear();
  for (const PlannedBatch& planned : plan.batches) state_->batches.push_back(planned.indices);
  return state_->instances.run({.batches = state_->batches, .encodings = encodings}, {.logits = logits}, go_on)
      .complete;
}

void TextPipeline::run_texts(const Sequences& sequences, std::span<float> logits) {
  if (sequences.one_each()) return run(sequences.encodings, logits);
  std::vector<float> output(sequences.encodings.size() * static_cast<std::size_t>(info().outputs));
  run(sequences.encodings, output);
  const std::vector<float> combined = combine_windows(output, sequences.begins, checkpoint().problem_type(),
                                                      options().long_texts.value_or(LongTextOptions{}));
  if (combined.size() != logits.size()) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[classify] room for {} logits was given, {} are there.", logits.size(), combined.size())};
  }
  std::copy(combined.begin(), combined.end(), logits.begin());
}

}  // namespace paceline
