#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "answer/windows.h"
#include "base/function_ref.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"
#include "plan/run_options.h"
#include "tokenize/tokenizer.h"

namespace paceline {

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

  /// Encodes on all threads, in windows where the options ask for them. A text that the tokenizer refuses, that has an
  /// id which the model does not know, or no token at all, has an error. May be called beside run, by another thread.
  Sequences encode(std::span<const Text> texts);

  /// Plans, packs and runs; row i of `logits` [texts, outputs] is text i, whatever the order. Several instances are
  /// given batches below the token budget where there would be too few for all of them.
  /// Throws Error{invalid_argument} where `logits` has another size, and whatever the backend throws.
  void run(std::span<const Encoding> encodings, std::span<float> logits);

  /// As above, asking `go_on(texts done so far)` after batches. False as soon as it says no; the rows of the batches
  /// left are then untouched.
  bool run(std::span<const Encoding> encodings, std::span<float> logits, FunctionRef<bool(std::size_t)> go_on);

  /// Runs and combines windows: `logits` [texts, outputs]. Throws as run does.
  void run_texts(const Sequences& sequences, std::span<float> logits);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
