#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "answer/predict.h"
#include "answer/windows.h"
#include "checkpoint/checkpoint.h"
#include "paceline/classifier.h"
#include "paceline/error.h"

namespace paceline {

/// How logits become an answer: the part that the model decides.
struct AnswerRules {
  ProblemType problem_type = ProblemType::kSingleLabelClassification;
  LongTextOptions long_texts{};
};

/// How logits become an answer: the part that the user decides.
struct AnswerOptions {
  LabelRules labels{};
  int32_t top_k = 1;  ///< labels at most; 0: all
};

/// What the model says of one text, or why it says nothing.
struct Answer {
  std::vector<Prediction> predictions{};  ///< best first; of kNoLabel where none is good enough; none with an error
  std::vector<float> logits{};            ///< [K], of a text in windows what they were combined to
  int32_t truncated = 0;                  ///< tokens cut off
  int32_t windows = 1;                    ///< that the text was read in
  int64_t tokens = 0;                     ///< that the model read
  std::string error{};                    ///< a sentence, or empty
  ErrorCode error_code{};                 ///< of `error`

  /// The text could not be read, so that the model never saw it.
  bool refused() const { return !error.empty() && logits.empty(); }
};

/// One Answer for each text that the sequences were made from, in the texts' order. `logits` is [sequences, K]. An
/// answer whose logits are not all finite has an error and the logits.
std::vector<Answer> decide(const Sequences& sequences, std::span<const float> logits, const AnswerRules& rules,
                           const AnswerOptions& options);

}  // namespace paceline
