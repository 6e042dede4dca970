#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/backend.h"
#include "paceline/error.h"
#include "paceline/export.h"
#include "paceline/token_types.h"

namespace paceline {

/// How labels are chosen from the model's output. Not for a regression.
struct LabelOptions {
  std::optional<float> threshold{};                 ///< a label needs at least this score, 0 to 1
  std::map<std::string, float> label_thresholds{};  ///< by label; these come before `threshold`
  std::map<std::string, float> class_weights{};     ///< by label, above 0: factors of the probabilities; 1 if not named

  bool has_threshold() const { return threshold.has_value() || !label_thresholds.empty(); }
};

/// What to do with a text that is longer than the model reads.
struct LongTextOptions {
  enum class Mode {
    kTruncate,  ///< cut off its end
    kWindow,    ///< read it in windows, and combine the windows' answers
  };
  enum class Combine { kMean, kMax, kFirst };

  Mode mode = Mode::kTruncate;
  int32_t stride = 0;                ///< tokens that a window shares with the previous one
  Combine combine = Combine::kMean;  ///< over the windows of a text
  bool over_logits = false;          ///< combine logits; else probabilities
};

/// How to run the model. What you leave out is as plan.json says. Without a plan the defaults are: backend native,
/// fp32, all CPUs that the process may use, texts sorted by length, 16,384 tokens per batch.
struct ClassifierOptions {
  std::string backend{};                      ///< "native", "onnxruntime", ...
  std::string compute_type{};                 ///< "fp32", ...
  std::filesystem::path file{};               ///< your own export, for a backend that runs such files
  std::filesystem::path weights{};            ///< a state_dict instead of the folder's weights, under any name
  std::string prefix{};                       ///< removed from the weights' names; names without it are ignored
  std::filesystem::path base{};               ///< the model that the folder's LoRA adapter is merged into
  std::optional<TokenTypes> token_types{};    ///< whether the model gets token types
  std::optional<int32_t> threads{};           ///< per instance; 0: the usable CPUs, divided among them
  std::optional<int32_t> instances{};         ///< copies of the model, each pinned to its own CPUs
  std::optional<int32_t> batch_size{};        ///< most texts in a batch
  std::optional<int32_t> max_batch_tokens{};  ///< most tokens in a batch
  std::filesystem::path cache_dir{};          ///< keeps exports that Paceline makes; empty: ~/.cache/paceline
  std::optional<LabelOptions> labels{};       ///< thresholds and class weights
  std::optional<LongTextOptions> long_texts{};
};

/// Two texts that are classified together.
struct TextPair {
  std::string first, second;  ///< UTF-8
};

/// A label and its probability: softmax or sigmoid, as the model asks. For a regression, the raw value.
struct ScoredLabel {
  std::string label;
  float score = 0;
};

/// A text classifier: a checkpoint, and the backend that runs it. It prints nothing. Every failure is a
/// paceline::Error.
///
/// Only one thread may use an object at a time. The object uses threads of its own. Objects do not share state.
class PACELINE_EXPORT Classifier {
 public:
  /// Loads a checkpoint's folder, a hub id (`org/name`) from the local Hugging Face cache, or the choice in a plan.json
  /// of `paceline bench`. A plan from another machine is followed, too. Throws Error:
  /// - not_found, corrupt_data, unsupported: the checkpoint or the plan, also a plan that was measured on another
  ///   checkpoint, and a checkpoint without a classification head
  /// - unavailable: the engine is not installed
  /// - invalid_argument: an option
  /// - resource_exhausted: no memory, threads or files left
  explicit Classifier(const std::filesystem::path& model_dir_or_plan, const ClassifierOptions& options = {});
  Classifier(Classifier&& other) noexcept;
  Classifier& operator=(Classifier&& other) noexcept;
  ~Classifier();

  const std::vector<std::string>& labels() const;  ///< [K], in the order of the logits
  std::string_view problem_type() const;           ///< "single_label_classification", "regression", ...
  const BackendInfo& backend() const;              ///< each instance is like this
  /// What users should know about the files that were read: a merged adapter, unused weights, ignored settings of a
  /// tokenizer. Each is a sentence without a full stop.
  const std::vector<std::string>& notices() const;

  /// The best label of one text, as classify gives it. If no label reaches its threshold, the label is empty and the
  /// score is the best one. Throws as classify does.
  ScoredLabel classify_one(std::string_view text);

  /// The `top_k` best labels of each text, best first, in the order of the texts. 0 means all labels. With thresholds,
  /// only labels that reach theirs, so maybe none. Give many texts at once: those of similar length are batched
  /// together. A text that is too long is truncated, or read in windows.
  ///
  /// If one text cannot be classified, the call throws and gives no answers. The message says which text it is, counted
  /// from 0: leave it out and call again. Throws Error:
  /// - invalid_argument: a text that is not UTF-8 or has no token; a negative `top_k`
  /// - corrupt_data: the tokenizer fails on a text, or gives an id that the model does not know; the model's output is
  ///   not a number
  /// - unsupported: a text that would keep the tokenizer busy without end
  /// - whatever the backend throws
  std::vector<std::vector<ScoredLabel>> classify(std::span<const std::string> texts, int32_t top_k = 1);
  std::vector<std::vector<ScoredLabel>> classify(std::span<const TextPair> pairs, int32_t top_k = 1);

  /// The model's raw output [texts, K], row-major. For a text in windows, their combined output. Throws as classify
  /// does, but accepts output that is not a number.
  std::vector<float> logits(std::span<const std::string> texts);
  std::vector<float> logits(std::span<const TextPair> pairs);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
