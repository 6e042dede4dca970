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

/// [K], each text counted as often as it was `drawn`.
std::vector<LabelCounts> count_labels(const MultiLabels& texts, std::span<const uint32_t> drawn);

/// At least one text.
MultiLabelScores score(const MultiLabels& texts);

}  // namespace paceline
