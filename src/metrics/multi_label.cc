#include "metrics/multi_label.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "metrics/average_precision.h"
#include "metrics/proportion.h"
#include "statistics/resampling.h"

namespace paceline {
namespace {

std::vector<AveragePrecision> sort_labels(const MultiLabels& texts) {
  const auto labels = static_cast<std::size_t>(texts.labels);
  std::vector<AveragePrecision> sorted;
  sorted.reserve(labels);
  std::vector<float> scores(texts.texts());
  std::vector<uint8_t> expected(texts.texts());
  for (std::size_t k = 0; k < labels; ++k) {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      scores[i] = texts.scores[i * labels + k];
      expected[i] = texts.expected[i * labels + k];
    }
    sorted.emplace_back(scores, expected);
  }
  return sorted;
}

std::optional<double> mean_of(std::span<const AveragePrecision> labels, std::span<const uint32_t> drawn) {
  double sum = 0;
  int64_t count = 0;
  for (const AveragePrecision& label : labels) {
    const std::optional<double> one = label.of(drawn);
    if (!one) continue;
    sum += *one;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

int64_t count_exact(const MultiLabels& texts) {
  const auto labels = static_cast<std::ptrdiff_t>(texts.labels);
  int64_t exact = 0;
  for (auto expected = texts.expected.begin(), predicted = texts.predicted.begin(); expected != texts.expected.end();
       expected += labels, predicted += labels) {
    exact += std::equal(expected, expected + labels, predicted) ? 1 : 0;
  }
  return exact;
}

}  // namespace

std::vector<LabelCounts> count_labels(const MultiLabels& texts, std::span<const uint32_t> drawn) {
  const auto labels = static_cast<std::size_t>(texts.labels);
  std::vector<LabelCounts> counts(labels);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const int64_t times = drawn[i];
    for (std::size_t k = 0; k < labels; ++k) {
      const bool expected = texts.expected[i * labels + k] != 0;
      const bool predicted = texts.predicted[i * labels + k] != 0;
      counts[k].expected += expected ? times : 0;
      counts[k].predicted += predicted ? times : 0;
      counts[k].right += expected && predicted ? times : 0;
    }
  }
  return counts;
}

MultiLabelScores score(const MultiLabels& texts) {
  const std::size_t size = texts.texts();
  const std::size_t work = texts.expected.size();
  const std::vector<uint32_t> once(size, 1);
  MultiLabelScores scores{.texts = static_cast<int64_t>(size), .labels = count_labels(texts, once)};
  scores.exact = proportion(count_exact(texts), scores.texts);
  scores.micro_f1 = bootstrap_share(micro_f1(scores.labels), size, work, [&](std::span<const uint32_t> drawn) {
    return micro_f1(count_labels(texts, drawn));
  });
  scores.macro_f1 = bootstrap_share(
      macro_f1(scores.labels, MeanOver::kAll), size, work,
      [&](std::span<const uint32_t> drawn) { return macro_f1(count_labels(texts, drawn), MeanOver::kAll); });
  const std::vector<AveragePrecision> sorted = sort_labels(texts);
  for (const AveragePrecision& label : sorted) scores.label_average_precision.push_back(label.of(once));
  if (const std::optional<double> mean = mean_of(sorted, once)) {
    // A sample without any label says nothing: it counts as the mean itself.
    scores.average_precision = bootstrap_share(
        *mean, size, work, [&](std::span<const uint32_t> drawn) { return mean_of(sorted, drawn).value_or(*mean); });
  }
  return scores;
}

}  // namespace paceline
