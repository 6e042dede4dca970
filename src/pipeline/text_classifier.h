#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "answer/answer.h"
#include "base/function_ref.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"
#include "pipeline/run_watch.h"
#include "plan/run_options.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// The way from a text to its answer, in three parts: encode, run, decide. Who reads, runs and writes at the same time,
/// or puts batches together, calls the parts. Who has a finished list calls answer, which is the three in a row.
class TextClassifier {
 public:
  /// Loads the tokenizer and the backend. Throws Error.
  TextClassifier(Checkpoint checkpoint, const RunOptions& options);
  /// Opens the checkpoint, too.
  TextClassifier(const std::filesystem::path& model_dir, const RunOptions& options);
  TextClassifier(TextClassifier&& other) noexcept;
  ~TextClassifier();

  const Checkpoint& checkpoint() const;
  const Tokenizer& tokenizer() const;
  const BackendInfo& info() const;  ///< of each instance
  const RunOptions& options() const;
  /// How many texts go through the three parts together: at least 1, and of many labels so few that their logits are
  /// small beside a model.
  std::size_t chunk_texts() const;

  /// Texts to sequences: on all threads, in windows where the options ask for them. A text that the tokenizer refuses,
  /// that has an id which the model does not know, or no token at all, has an error. Any thread may call it at any
  /// time; several callers wait for one another.
  Sequences encode(std::span<const Text> texts) const;

  /// Sequences to logits: plans, packs and runs. Row i of `logits` [sequences, K] is sequence i, whatever the order.
  /// Several instances are given batches below the token budget where there would be too few for all of them. False
  /// where it was stopped: the rows of the batches left are then untouched. One thread at a time.
  /// Throws Error{invalid_argument} where `logits` has another size, and whatever the backend throws.
  bool run(std::span<const Encoding> sequences, std::span<float> logits, const RunWatch& watch = {});

  /// Logits to answers, as the checkpoint and its options ask. Pure: any thread.
  std::vector<Answer> decide(const Sequences& sequences, std::span<const float> logits,
                             const AnswerOptions& options) const;

  /// The three in a row. One thread at a time.
  std::vector<Answer> answer(std::span<const Text> texts, const AnswerOptions& options);

  /// The same for texts that are made when they are wanted, chunk by chunk: `take(i, answer)` gets each text's. Those
  /// of a chunk that cannot be read come before the others are run, so that a caller may give up at once by throwing.
  void answer_each(std::size_t texts, FunctionRef<Text(std::size_t)> text, const AnswerOptions& options,
                   FunctionRef<void(std::size_t, Answer)> take);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
