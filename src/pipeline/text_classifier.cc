#include "pipeline/text_classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
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

struct TextClassifier::State {
  State(Checkpoint model, const RunOptions& run_options)
      : options(run_options),
        checkpoint(std::move(model)),
        tokenizer(Tokenizer::load(checkpoint.parts().tokenizer, tokenizer_options(checkpoint, run_options))),
        instances(checkpoint, run_options.backend, run_options.instances, create_backend),
        pool(pool_threads(run_options)) {
    options.limits.padded = instances.info().padded;
  }

  BatchLimits limits_for(std::span<const Encoding> sequences) {
    lengths.clear();
    int64_t tokens = 0;
    for (const Encoding& sequence : sequences) {
      lengths.push_back(static_cast<int32_t>(sequence.input_ids.size()));
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
  std::mutex pool_mutex;
  ThreadPool pool;  ///< of encode, under the mutex
  std::vector<int32_t> lengths;
  std::vector<std::span<const uint32_t>> batches;
};

TextClassifier::TextClassifier(Checkpoint checkpoint, const RunOptions& options)
    : state_(std::make_unique<State>(std::move(checkpoint), options)) {}

TextClassifier::TextClassifier(const std::filesystem::path& model_dir, const RunOptions& options)
    : TextClassifier(Checkpoint::open(model_dir, options.checkpoint_options), options) {}

TextClassifier::TextClassifier(TextClassifier&& other) noexcept = default;
TextClassifier::~TextClassifier() = default;

const Checkpoint& TextClassifier::checkpoint() const { return state_->checkpoint; }
const Tokenizer& TextClassifier::tokenizer() const { return state_->tokenizer; }
const BackendInfo& TextClassifier::info() const { return state_->instances.info(); }
const RunOptions& TextClassifier::options() const { return state_->options; }

std::size_t TextClassifier::chunk_texts() const {
  return paceline::chunk_texts(options().limits.chunk, info().outputs);
}

Sequences TextClassifier::encode(std::span<const Text> texts) const {
  const std::lock_guard lock(state_->pool_mutex);
  return split_windows(state_->tokenizer.encode_all(texts, state_->pool), state_->checkpoint.max_length());
}

bool TextClassifier::run(std::span<const Encoding> sequences, std::span<float> logits, const RunWatch& watch) {
  const auto expected = sequences.size() * static_cast<std::size_t>(info().outputs);
  if (logits.size() != expected) {
    throw Error{ErrorCode::kInvalidArgument, fmt::format("[classify] room for {} logits was given, {} texts need {}.",
                                                         logits.size(), sequences.size(), expected)};
  }
  const BatchLimits limits = state_->limits_for(sequences);
  const BatchPlan plan = plan_batches(state_->lengths, limits);
  state_->batches.clear();
  for (const PlannedBatch& planned : plan.batches) state_->batches.push_back(planned.indices);
  return state_->instances.run({.batches = state_->batches, .encodings = sequences}, {.logits = logits}, watch)
      .complete;
}

std::vector<Answer> TextClassifier::decide(const Sequences& sequences, std::span<const float> logits,
                                           const AnswerOptions& options) const {
  return paceline::decide(sequences, logits,
                          {.problem_type = checkpoint().problem_type(),
                           .long_texts = state_->options.long_texts.value_or(LongTextOptions{})},
                          options);
}

std::vector<Answer> TextClassifier::answer(std::span<const Text> texts, const AnswerOptions& options) {
  std::vector<Answer> answers(texts.size());
  answer_each(
      texts.size(), [&](std::size_t i) { return texts[i]; }, options,
      [&](std::size_t i, Answer answer) { answers[i] = std::move(answer); });
  return answers;
}

void TextClassifier::answer_each(std::size_t texts, FunctionRef<Text(std::size_t)> text, const AnswerOptions& options,
                                 FunctionRef<void(std::size_t, Answer)> take) {
  const auto columns = static_cast<std::size_t>(info().outputs);
  std::vector<Text> chunk;
  std::vector<float> logits;
  for (std::size_t begin = 0; begin < texts; begin += chunk.size()) {
    const std::size_t end = std::min(begin + chunk_texts(), texts);
    chunk.clear();
    for (std::size_t i = begin; i < end; ++i) chunk.push_back(text(i));
    const Sequences sequences = encode(chunk);
    for (const TextError& error : sequences.errors) {
      take(begin + error.text, {.error = error.message, .error_code = error.code});
    }
    logits.resize(sequences.encodings.size() * columns);
    run(sequences.encodings, logits);
    std::vector<Answer> answers = decide(sequences, logits, options);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].refused()) take(begin + i, std::move(answers[i]));
    }
  }
}

}  // namespace paceline
