#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "paceline/classifier.h"

namespace paceline {

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

/// Throws Error{invalid_argument} for a label that is not there, a number out of range, and anything for a regression;
/// `where` opens the message.
LabelRules resolve_labels(const LabelOptions& options, const std::vector<std::string>& labels, ProblemType type,
                          std::string_view where = "classify");

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

/// Logits whose probabilities are those that predict() gives with class weights. Of several labels a probability that
/// weights make 1 becomes the largest float below. Nothing happens without weights, or for a regression.
void weigh_logits(std::span<float> logits, ProblemType type, const std::vector<float>& weights);

/// Whether predict() may be given them.
bool all_finite(std::span<const float> logits);

}  // namespace paceline
