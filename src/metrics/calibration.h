#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/multi_label.h"
#include "metrics/single_label.h"

namespace paceline {

/// The predictions whose probability lies in (low, high].
struct ReliabilityBin {
  double low = 0;
  double high = 0;
  int64_t predictions = 0;
  double probability = 0;  ///< their mean; 0 where there is none
  double right = 0;        ///< the share of them that is right; 0 where there is none
};

/// How far probabilities can be taken at their word.
struct Reliability {
  std::vector<ReliabilityBin> bins{};  ///< 15 of equal width
  double error = 0;     ///< expected calibration error: the mean of |probability - right| over predictions
  double log_loss = 0;  ///< mean of -log of the probability given to what was expected
};

struct Calibration {
  Reliability plain{};
  /// What logits are to be divided by for the smallest log loss on these texts (Guo and others, "On Calibration of
  /// Modern Neural Networks", 2017). None where no finite one is best: all texts are right, or all are wrong.
  std::optional<double> temperature{};
  /// With the temperature, on the texts that it was fitted on: its log loss is lower than on others by about 1 / N.
  /// `plain` where there is none.
  Reliability tempered{};
};

/// One label per text: the probability of the best label, softmax. `logits` [N, K], `expected` [N], N > 0.
Calibration calibrate_single(std::span<const float> logits, std::span<const int32_t> expected, int32_t labels);

/// Several labels per text: each (text, label) is a prediction, sigmoid. `logits` and `expected` [N, K], N > 0.
Calibration calibrate_multi(std::span<const float> logits, std::span<const uint8_t> expected);

}  // namespace paceline
