#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend_options.h"
#include "base/function_ref.h"
#include "batch/batch_planner.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"
#include "text/tokenizer.h"

namespace paceline {

/// How texts become logits: what classify does without a plan, what bench varies, what plan.json stores.
struct RunOptions {
  BackendOptions backend;
  BatchLimits limits{.max_batch_tokens = 16384, .order = Order::kLength, .window = 10000};
  int32_t instances = 1;  ///< copies of the model that take batches side by side; backend.threads is of each
  WeightOptions weights{};
};

/// A label and its probability (sigmoid or softmax; the raw value for a regression).
struct Prediction {
  int32_t label = 0;
  float score = 0;
};

/// Logits to predictions as the checkpoint's problem_type asks: best first, ties in the labels' order; a regression's
/// values in the order of its outputs. At most `top_k` (0: all). The logits must be finite.
std::vector<Prediction> predict(std::span<const float> logits, ProblemType type, int32_t top_k);

/// Texts in, logits out: tokenizer, planner and backend behind one door. bench times it, classify streams through it.
class TextPipeline {
 public:
  /// Loads everything. Throws Error.
  TextPipeline(const std::filesystem::path& model_dir, const RunOptions& options);
  ~TextPipeline();

  const Checkpoint& checkpoint() const;
  const Tokenizer& tokenizer() const;
  const BackendInfo& info() const;  ///< of each instance
  const RunOptions& options() const;

  /// Encodes on all threads. May be called beside run, by another thread.
  std::vector<Encoding> encode(std::span<const Text> texts);

  /// Plans, packs and runs; row i of `logits` [texts, outputs] is text i, whatever the order. Several instances are
  /// given batches below the token budget where there would be too few for all of them.
  /// Throws Error{invalid_argument} where `logits` has another size, and whatever the backend throws.
  void run(std::span<const Encoding> encodings, std::span<float> logits);

  /// As above, asking `go_on(texts done so far)` after batches. False as soon as it says no; the rows of the batches
  /// left are then untouched.
  bool run(std::span<const Encoding> encodings, std::span<float> logits, FunctionRef<bool(std::size_t)> go_on);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
