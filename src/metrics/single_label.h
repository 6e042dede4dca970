#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "metrics/label_counts.h"
#include "statistics/score.h"

namespace paceline {

/// What a text is given where no label is good enough.
inline constexpr int32_t kNothingPredicted = -1;

/// Which label was expected of each text, and which was given.
struct SingleLabels {
  int32_t labels = 0;              ///< K
  std::vector<int32_t> expected;   ///< [N], 0 to K - 1
  std::vector<int32_t> predicted;  ///< [N], the same or kNothingPredicted
};

/// Rows: expected; columns: predicted, the last one nothing.
class Confusion {
 public:
  explicit Confusion(const SingleLabels& texts);
  /// `predicted`: a label or kNothingPredicted.
  int64_t count(int32_t expected, int32_t predicted) const { return counts_[place(expected, predicted)]; }

  /// [K, K + 1]
  std::span<const int64_t> counts() const { return counts_; }

 private:
  std::size_t place(int32_t expected, int32_t predicted) const {
    const int32_t column = predicted == kNothingPredicted ? labels_ : predicted;
    return static_cast<std::size_t>(expected) * static_cast<std::size_t>(labels_ + 1) +
           static_cast<std::size_t>(column);
  }

  int32_t labels_;
  std::vector<int64_t> counts_;
};

struct SingleLabelScores {
  int64_t texts = 0;
  Score accuracy{};                   ///< with Wilson's interval
  Score macro_f1{};                   ///< over the labels that occur, with a bootstrap interval
  double majority = 0;                ///< the accuracy of always giving the label that is expected most often
  std::vector<LabelCounts> labels{};  ///< [K]
};

/// [K], each text counted as often as it was `drawn`. `counts`: [K], what was in it is lost.
void count_labels(const SingleLabels& texts, std::span<const uint32_t> drawn, std::span<LabelCounts> counts);

/// [K], each text counted once.
std::vector<LabelCounts> count_labels(const SingleLabels& texts);

/// At least one text.
SingleLabelScores score(const SingleLabels& texts);

}  // namespace paceline
