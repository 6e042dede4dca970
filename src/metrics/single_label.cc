#include "metrics/single_label.h"

#include <algorithm>
#include <cstddef>

#include "metrics/proportion.h"
#include "statistics/resampling.h"

namespace paceline {
namespace {

Score macro_f1_of(const SingleLabels& texts, std::span<const LabelCounts> all) {
  std::vector<LabelCounts> counts(all.size());
  const std::size_t size = texts.expected.size();
  return bootstrap_share(macro_f1(all, MeanOver::kOccurring), size, size + all.size(),
                         [&](std::span<const uint32_t> drawn) {
                           count_labels(texts, drawn, counts);
                           return macro_f1(counts, MeanOver::kOccurring);
                         });
}

}  // namespace

Confusion::Confusion(const SingleLabels& texts)
    : labels_(texts.labels),
      counts_(static_cast<std::size_t>(texts.labels) * static_cast<std::size_t>(texts.labels + 1)) {
  for (std::size_t i = 0; i < texts.expected.size(); ++i) ++counts_[place(texts.expected[i], texts.predicted[i])];
}

void count_labels(const SingleLabels& texts, std::span<const uint32_t> drawn, std::span<LabelCounts> counts) {
  std::fill(counts.begin(), counts.end(), LabelCounts{});
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const int64_t times = drawn[i];
    const int32_t predicted = texts.predicted[i];
    counts[static_cast<std::size_t>(texts.expected[i])].expected += times;
    if (predicted == kNothingPredicted) continue;
    LabelCounts& given = counts[static_cast<std::size_t>(predicted)];
    given.predicted += times;
    if (predicted == texts.expected[i]) given.right += times;
  }
}

std::vector<LabelCounts> count_labels(const SingleLabels& texts) {
  std::vector<LabelCounts> counts(static_cast<std::size_t>(texts.labels));
  count_labels(texts, std::vector<uint32_t>(texts.expected.size(), 1), counts);
  return counts;
}

SingleLabelScores score(const SingleLabels& texts) {
  SingleLabelScores scores{.texts = static_cast<int64_t>(texts.expected.size()), .labels = count_labels(texts)};
  int64_t right = 0;
  int64_t most = 0;
  for (const LabelCounts& label : scores.labels) {
    right += label.right;
    most = std::max(most, label.expected);
  }
  scores.accuracy = proportion(right, scores.texts);
  scores.macro_f1 = macro_f1_of(texts, scores.labels);
  scores.majority = static_cast<double>(most) / static_cast<double>(scores.texts);
  return scores;
}

}  // namespace paceline
