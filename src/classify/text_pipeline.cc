#include "classify/text_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "backend/registry.h"
#include "base/cpu_topology.h"
#include "base/thread_pool.h"
#include "paceline/error.h"

namespace paceline {

struct TextPipeline::State {
  State(const std::filesystem::path& model_dir, const RunOptions& run_options)
      : options(run_options),
        checkpoint(Checkpoint::open(model_dir)),
        tokenizer(Tokenizer::load(model_dir / "tokenizer.json", {.max_length = checkpoint.max_length(),
                                                                 .token_types = checkpoint.network().token_types > 1})),
        pool(resolve_threads(run_options.backend.threads)),
        backend(create_backend(checkpoint, run_options.backend)) {
    options.limits.padded = backend->info().padded;
  }

  /// Packs the texts of a planned batch, runs it and puts each row where its text stands.
  void run_batch(const PlannedBatch& planned, std::span<const Encoding> encodings, std::span<float> logits) {
    clear(batch);
    for (const uint32_t index : planned.indices) {
      append_sequence(batch, encodings[index].input_ids, encodings[index].token_type_ids);
    }
    const auto columns = static_cast<std::size_t>(backend->info().outputs);
    batch_logits.resize(planned.indices.size() * columns);
    backend->run(batch, batch_logits);
    for (std::size_t row = 0; row < planned.indices.size(); ++row) {
      std::copy_n(batch_logits.begin() + static_cast<std::ptrdiff_t>(row * columns), columns,
                  logits.begin() + static_cast<std::ptrdiff_t>(planned.indices[row] * columns));
    }
  }

  RunOptions options;
  Checkpoint checkpoint;
  Tokenizer tokenizer;
  ThreadPool pool;
  std::unique_ptr<Backend> backend;
  PackedBatch batch;
  std::vector<float> batch_logits;
  std::vector<int32_t> lengths;
};

TextPipeline::TextPipeline(const std::filesystem::path& model_dir, const RunOptions& options)
    : state_(std::make_unique<State>(model_dir, options)) {}

TextPipeline::~TextPipeline() = default;

const Checkpoint& TextPipeline::checkpoint() const { return state_->checkpoint; }
const Tokenizer& TextPipeline::tokenizer() const { return state_->tokenizer; }
Backend& TextPipeline::backend() { return *state_->backend; }
const RunOptions& TextPipeline::options() const { return state_->options; }

std::vector<Encoding> TextPipeline::encode(std::span<const Text> texts) {
  return state_->tokenizer.encode_all(texts, state_->pool);
}

void TextPipeline::run(std::span<const Encoding> encodings, std::span<float> logits) {
  run(encodings, logits, [](std::size_t) { return true; });
}

bool TextPipeline::run(std::span<const Encoding> encodings, std::span<float> logits,
                     FunctionRef<bool(std::size_t)> go_on) {
  const auto expected = encodings.size() * static_cast<std::size_t>(state_->backend->info().outputs);
  if (logits.size() != expected) {
    throw Error{ErrorCode::kInvalidArgument, fmt::format("[classify] room for {} logits was given, {} texts need {}.",
                                                         logits.size(), encodings.size(), expected)};
  }
  state_->lengths.clear();
  for (const Encoding& encoding : encodings) {
    state_->lengths.push_back(static_cast<int32_t>(encoding.input_ids.size()));
  }
  std::size_t done = 0;
  for (const PlannedBatch& planned : plan_batches(state_->lengths, state_->options.limits).batches) {
    state_->run_batch(planned, encodings, logits);
    done += planned.indices.size();
    if (!go_on(done)) return false;
  }
  return true;
}

}  // namespace paceline
