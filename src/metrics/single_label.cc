#include "metrics/single_label.h"

#include <algorithm>
#include <cstddef>
#include <utility>

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

std::vector<ConfusionCell> count_confusion(const SingleLabels& texts) {
  const auto column = [&](int32_t predicted) { return predicted == kNothingPredicted ? texts.labels : predicted; };
  std::vector<std::pair<int32_t, int32_t>> places;
  places.reserve(texts.expected.size());
  for (std::size_t i = 0; i < texts.expected.size(); ++i) {
    places.emplace_back(texts.expected[i], column(texts.predicted[i]));
  }
  std::ranges::sort(places);
  std::vector<ConfusionCell> cells;
  for (const auto& [expected, place] : places) {
    const int32_t predicted = place == texts.labels ? kNothingPredicted : place;
    if (cells.empty() || cells.back().expected != expected || cells.back().predicted != predicted) {
      cells.push_back({expected, predicted, 0});
    }
    ++cells.back().texts;
  }
  return cells;
}

std::vector<std::vector<int64_t>> confusion_matrix(std::span<const ConfusionCell> cells, std::size_t labels) {
  std::vector<std::vector<int64_t>> rows(labels, std::vector<int64_t>(labels + 1));
  for (const ConfusionCell& cell : cells) {
    const std::size_t column = cell.predicted == kNothingPredicted ? labels : static_cast<std::size_t>(cell.predicted);
    rows[static_cast<std::size_t>(cell.expected)][column] = cell.texts;
  }
  return rows;
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
