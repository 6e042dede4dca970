#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "paceline/classifier.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// Texts as sequences that the model reads: one each, or its windows. A text with an error has none.
struct Sequences {
  std::vector<Encoding> encodings;
  std::vector<std::size_t> begins;  ///< [texts + 1]: where each text's begin
  std::vector<TextError> errors;    ///< in the texts' order

  /// Whether each text is one sequence, whose logits are the text's own.
  bool one_each() const { return errors.empty() && encodings.size() + 1 == begins.size(); }
};

/// Encoded texts as sequences of at most `max_length` tokens (0: of any number): those that were not encoded as windows
/// are one each. The tokens cut off stand with the first window of a text. A text without a token gets an error, too.
Sequences split_windows(EncodedTexts texts, int32_t max_length);

/// The logits [sequences, K] of texts in windows as one row each, [texts, K]: what scores as the combination does. Over
/// probabilities these are their logarithms, or log odds where labels are independent. A row with a logit that is not
/// finite, or of a text without a sequence, is not finite.
std::vector<float> combine_windows(std::span<const float> logits, std::span<const std::size_t> begins, ProblemType type,
                                   const LongTextOptions& options);

}  // namespace paceline
