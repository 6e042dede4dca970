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

/// What a text's labels follow besides the model's output. Not for a regression.
struct LabelOptions {
  std::optional<float> threshold{};                 ///< the score that a label needs, 0 to 1
  std::map<std::string, float> label_thresholds{};  ///< the same for single labels, before `threshold`
  std::map<std::string, float> class_weights{};     ///< multiply the probabilities; above 0, 1 for those not named

  bool has_threshold() const { return threshold.has_value() || !label_thresholds.empty(); }
};

/// What becomes of texts that are longer than the model reads.
struct LongTextOptions {
  enum class Mode {
    kTruncate,  ///< their end is cut off
    kWindow,    ///< they are read in windows, and the windows' answers combined
  };
  enum class Combine { kMean, kMax, kFirst };

  Mode mode = Mode::kTruncate;
  int32_t stride = 0;                ///< tokens that a window shares with the one before it
  Combine combine = Combine::kMean;  ///< over the windows of a text
  bool over_logits = false;          ///< combine logits; else probabilities
};

/// What to change about how a model is run. What is left alone is as plan.json says, or without a plan: backend native,
/// fp32, all CPUs that the process may use, texts sorted by length, 16,384 tokens a batch.
struct ClassifierOptions {
  std::string backend{};                      ///< "native", "onnxruntime", ...
  std::string compute_type{};                 ///< "fp32", ...
  std::filesystem::path file{};               ///< the user's own export, for a backend that runs such files
  std::filesystem::path weights{};            ///< a state_dict in place of the folder's weights, under any name
  std::string prefix{};                       ///< taken off the weights' names; names without it do not count
  std::filesystem::path base{};               ///< the model that the folder's LoRA adapter is merged into
  std::optional<TokenTypes> token_types{};    ///< whether the model gets them
  std::optional<int32_t> threads{};           ///< of each instance; 0: the usable CPUs shared out among them
  std::optional<int32_t> instances{};         ///< copies of the model side by side, each pinned to CPUs of its own
  std::optional<int32_t> batch_size{};        ///< texts in a batch at most
  std::optional<int32_t> max_batch_tokens{};  ///< tokens in a batch at most
  std::filesystem::path cache_dir{};          ///< for exports that Paceline makes; empty: ~/.cache/paceline
  std::optional<LabelOptions> labels{};       ///< thresholds and class weights
  std::optional<LongTextOptions> long_texts{};
};

/// Two texts that are classified together.
struct TextPair {
  std::string first, second;  ///< UTF-8
};

/// A label and its probability (softmax or sigmoid, as the model asks; the raw value for a regression).
struct ScoredLabel {
  std::string label;
  float score = 0;
};

/// A text classifier: a checkpoint loaded into the engine that runs it. It prints nothing; everything that goes wrong
/// is a paceline::Error.
///
/// One thread calls it at a time; it uses threads of its own. Separate objects are independent of one another.
class PACELINE_EXPORT Classifier {
 public:
  /// Loads a checkpoint's folder, a hub id (`org/name`) that is in the local Hugging Face cache, or what a plan.json of
  /// `paceline bench` chose. A plan from another machine is obeyed. Throws Error: not_found, corrupt_data or
  /// unsupported for the checkpoint or the plan (also where the plan was measured on another checkpoint, or there is no
  /// classification head), unavailable for a missing engine, invalid_argument for an option, resource_exhausted.
  explicit Classifier(const std::filesystem::path& model_dir_or_plan, const ClassifierOptions& options = {});
  Classifier(Classifier&& other) noexcept;
  Classifier& operator=(Classifier&& other) noexcept;
  ~Classifier();

  const std::vector<std::string>& labels() const;  ///< [K], in the order of the logits
  std::string_view problem_type() const;           ///< "single_label_classification", "regression", ...
  const BackendInfo& backend() const;              ///< of each instance
  /// What a user has to know about the files that were read: an adapter that was merged, weights that nothing uses,
  /// settings of a tokenizer that were passed over. Each a sentence without its full stop.
  const std::vector<std::string>& notices() const;

  /// The best label of one text, the same as classify of that text alone; an empty one with the best score where a
  /// threshold lets none through. Throws as classify does.
  ScoredLabel classify_one(std::string_view text);

  /// For each text, in the texts' order, its `top_k` best labels, best first; 0: all. With thresholds only those of
  /// them that reach theirs, so maybe none. A text longer than the model reads is truncated, or read in windows. Texts
  /// of like length are batched together, so give many at once.
  ///
  /// A text that cannot be classified leaves the call without an answer, and the message says which it is, counted from
  /// 0 among those given: leave it out and call again. Throws Error: invalid_argument for a text that is not UTF-8 or
  /// has no token, or a negative top_k; corrupt_data where the tokenizer fails on a text or gives it an id that the
  /// model does not know, or the model's output is not a number; unsupported for a text that would take the tokenizer
  /// for ever; and what the engine throws.
  std::vector<std::vector<ScoredLabel>> classify(std::span<const std::string> texts, int32_t top_k = 1);
  std::vector<std::vector<ScoredLabel>> classify(std::span<const TextPair> pairs, int32_t top_k = 1);

  /// The raw output [texts, K], row-major; of a text in windows what they were combined to. Throws as classify does,
  /// but lets every number through.
  std::vector<float> logits(std::span<const std::string> texts);
  std::vector<float> logits(std::span<const TextPair> pairs);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
