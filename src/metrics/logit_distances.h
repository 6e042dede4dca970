#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace paceline {

/// How far the logits of each text lie below its largest one, from which its softmax at any temperature follows. They
/// are kept in bins a sixteenth of an octave wide, with their number, mean and variance: about a hundred bins a text,
/// however many labels there are. Sums of a softmax are then right to about 1e-6 of their value.
class LogitDistances {
 public:
  /// Of the next text: at least one logit, all finite.
  void add(std::span<const float> logits);

  struct Softmax {
    double sum = 0;            ///< of exp(-inverse * distance): the best label's probability is 1 / sum
    double mean_distance = 0;  ///< by probability
  };
  /// Of text `text`, all its logits multiplied by `inverse`.
  Softmax softmax(std::size_t text, double inverse) const;

 private:
  struct Bin {
    float count = 0;
    float mean = 0;
    float variance = 0;
  };
  struct Moments {
    double count = 0;
    double sum = 0;
    double squares = 0;
  };
  std::vector<Bin> bins_;          ///< of all texts, one behind another
  std::vector<std::size_t> ends_;  ///< [N], in bins_
  std::vector<Moments> moments_;   ///< of the text that is added, by bin; zeros between two texts
};

}  // namespace paceline
