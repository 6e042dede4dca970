#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend_options.h"
#include "base/function_ref.h"
#include "batch/batch_planner.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"
#include "paceline/classifier.h"
#include "text/tokenizer.h"

namespace paceline {

/// How texts become logits: what classify does without a plan, what bench varies, what plan.json stores.
struct RunOptions {
  BackendOptions backend;
  BatchLimits limits{.max_batch_tokens = 16384, .order = Order::kLength, .window = 10000};
  std::optional<LongTextOptions> long_texts{};  ///< empty: cut, and nobody asks how much
  int32_t instances = 1;  ///< copies of the model that take batches side by side; backend.threads is of each
  CheckpointOptions checkpoint_options{};
};

/// Whether long texts are read in windows.
bool in_windows(const std::optional<LongTextOptions>& long_texts);

/// How a checkpoint's texts are encoded.
TokenizerOptions tokenizer_options(const Checkpoint& checkpoint, const std::optional<LongTextOptions>& long_texts);

/// A label and its probability (sigmoid or softmax; the raw value for a regression).
struct Prediction {
  int32_t label = 0;
  float score = 0;
};

/// LabelOptions for the labels of a checkpoint.
struct LabelRules {
  std::vector<float> thresholds{};  ///< [K], or empty: every label is good enough
  std::vector<float> weights{};     ///< [K], or empty: all 1
};

/// Throws Error{invalid_argument} for a label that is not there, a number out of range, and anything for a regression.
LabelRules resolve_labels(const LabelOptions& options, const std::vector<std::string>& labels, ProblemType type);

/// How many labels a text gets where nobody says: those over the threshold (0: all of them) where a text may have
/// several and there is one, else the best.
int32_t default_top_k(const LabelRules& rules, ProblemType type);

/// Logits to predictions as the checkpoint's problem_type asks: best first, ties in the labels' order; a regression's
/// values in the order of its outputs. At most `top_k` (0: all). The logits must be finite.
///
/// Class weights multiply the probabilities: of a single label they add up to 1 again, of several each stays at most 1.
/// Thresholds leave those that reach them: of a single label out of the `top_k` best, of several before counting.
/// Where none does, there is one Prediction of kNoLabel with the best score.
std::vector<Prediction> predict(std::span<const float> logits, ProblemType type, int32_t top_k,
                                const LabelRules& rules = {});
inline constexpr int32_t kNoLabel = -1;

/// Texts as sequences that the model reads: one each, or its windows. A text with an error has none.
struct Sequences {
  std::vector<Encoding> encodings;
  std::vector<std::size_t> begins;  ///< [texts + 1]: where each text's begin
  std::vector<TextError> errors;    ///< in the texts' order

  /// Whether each text is one sequence, whose logits are the text's own.
  bool one_each() const { return errors.empty() && encodings.size() + 1 == begins.size(); }
};

/// The logits [sequences, K] of texts in windows as one row each, [texts, K]: what scores as the combination does. Over
/// probabilities these are their logarithms, or log odds where labels are independent. A row with a logit that is not
/// finite, or of a text without a sequence, is not finite.
std::vector<float> combine_windows(std::span<const float> logits, std::span<const std::size_t> begins, ProblemType type,
                                   const LongTextOptions& options);

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
