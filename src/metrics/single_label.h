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

/// Texts of which one label was expected and one, or nothing, predicted.
struct ConfusionCell {
  int32_t expected = 0;
  int32_t predicted = 0;  ///< a label or kNothingPredicted
  int64_t texts = 0;      ///< at least 1

  bool operator==(const ConfusionCell&) const = default;
};

/// The cells of the confusion matrix that occur: at most as many as texts. By the label expected, then by the one
/// predicted, kNothingPredicted last.
std::vector<ConfusionCell> count_confusion(const SingleLabels& texts);

/// The same as K rows of K + 1 counts: expected; predicted, the last one nothing.
std::vector<std::vector<int64_t>> confusion_matrix(std::span<const ConfusionCell> cells, std::size_t labels);

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
