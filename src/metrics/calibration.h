#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/logit_distances.h"
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

/// The same of texts that come one after another. Of up to kManyLabels labels their logits are kept whole. Of more,
/// their distances are kept in bins: what a text costs no longer grows with K. `plain` is then the same to the bit; the
/// temperature and the log loss with it are right to about five digits.
class SingleLabelLogits {
 public:
  SingleLabelLogits() = default;
  explicit SingleLabelLogits(int32_t labels) : labels_(labels) {}

  /// `logits` [K], finite.
  void add(std::span<const float> logits, int32_t expected);
  /// At least one text.
  Calibration calibrate() const;

 private:
  struct Text {
    double probability = 0;  ///< of the best label
    double loss = 0;
    double distance = 0;  ///< of the expected label's logit to the largest
    bool right = false;
  };
  Calibration calibrate_distances() const;

  int32_t labels_ = 0;
  std::vector<float> logits_;      ///< [N, K]; of many labels empty, and so is the next
  std::vector<int32_t> expected_;  ///< [N]
  std::vector<Text> texts_;        ///< [N] of many labels, as distances_
  LogitDistances distances_;
};

/// Several labels per text: each (text, label) is a prediction, sigmoid. `logits` and `expected` [N, `labels`], N > 0.
/// Of more than kManyLabels labels the temperature is that of logits rounded to three digits, which change it by about
/// 1e-7.
Calibration calibrate_multi(std::span<const float> logits, std::span<const uint8_t> expected, int32_t labels);

}  // namespace paceline
