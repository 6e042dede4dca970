#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/label_counts.h"
#include "statistics/score.h"

namespace paceline {

/// Which labels were expected of each text, and which were given, for what scores.
struct MultiLabels {
  int32_t labels = 0;                ///< K
  std::vector<uint8_t> expected{};   ///< [N, K], 0 or 1
  std::vector<uint8_t> predicted{};  ///< [N, K], 0 or 1
  /// [N, K], in any unit that grows with the probability: average precision's order. Empty: there is none.
  std::vector<float> scores{};

  std::size_t texts() const { return expected.size() / static_cast<std::size_t>(labels); }
};

struct MultiLabelScores {
  int64_t texts = 0;
  Score exact{};                             ///< share of texts with all labels right, with Wilson's interval
  Score micro_f1{};                          ///< with a bootstrap interval
  Score macro_f1{};                          ///< over all labels, with a bootstrap interval
  std::optional<Score> average_precision{};  ///< mean over the labels that have one, with a bootstrap interval
  std::vector<LabelCounts> labels{};         ///< [K]
  std::vector<std::optional<double>> label_average_precision{};  ///< [K]; none for a label that no text has
};

/// The labels that each text has or was given: few of many. Counting them again and again costs what they are, not N
/// times K.
class MarkedLabels {
 public:
  explicit MarkedLabels(const MultiLabels& texts);
  /// [K], each text counted as often as it was `drawn`. `counts`: [K], what was in it is lost.
  void count(std::span<const uint32_t> drawn, std::span<LabelCounts> counts) const;

 private:
  struct Mark {
    uint32_t label : 30;
    uint32_t expected : 1;
    uint32_t predicted : 1;
  };
  std::vector<Mark> marks_;        ///< of all texts, one behind another
  std::vector<std::size_t> ends_;  ///< [N], in marks_
};

/// [K], each text counted once.
std::vector<LabelCounts> count_labels(const MultiLabels& texts);

/// At least one text.
MultiLabelScores score(const MultiLabels& texts);

}  // namespace paceline
