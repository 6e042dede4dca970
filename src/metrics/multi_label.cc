#include "metrics/multi_label.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "metrics/average_precision.h"
#include "metrics/proportion.h"
#include "statistics/resampling.h"

namespace paceline {
namespace {

/// What a sample costs, for each text and label: one for counting, and two for average precision, which goes over texts
/// in another order.
constexpr std::size_t kCountingPasses = 1;
constexpr std::size_t kPrecisionPasses = 2;

/// None where there are no scores.
std::vector<AveragePrecision> sort_labels(const MultiLabels& texts) {
  if (texts.scores.empty()) return {};
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

MarkedLabels::MarkedLabels(const MultiLabels& texts) {
  const auto labels = static_cast<std::size_t>(texts.labels);
  for (std::size_t text = 0; text < texts.texts(); ++text) {
    for (std::size_t k = 0; k < labels; ++k) {
      const uint32_t expected = texts.expected[text * labels + k] != 0 ? 1 : 0;
      const uint32_t predicted = texts.predicted[text * labels + k] != 0 ? 1 : 0;
      if (expected + predicted > 0) marks_.push_back({static_cast<uint32_t>(k), expected, predicted});
    }
    ends_.push_back(marks_.size());
  }
}

void MarkedLabels::count(std::span<const uint32_t> drawn, std::span<LabelCounts> counts) const {
  std::fill(counts.begin(), counts.end(), LabelCounts{});
  std::size_t first = 0;
  for (std::size_t text = 0; text < drawn.size(); ++text) {
    const int64_t times = drawn[text];
    for (const Mark& mark : std::span(marks_).subspan(first, ends_[text] - first)) {
      LabelCounts& label = counts[mark.label];
      label.expected += times * mark.expected;
      label.predicted += times * mark.predicted;
      label.right += times * (mark.expected & mark.predicted);
    }
    first = ends_[text];
  }
}

std::vector<LabelCounts> count_labels(const MultiLabels& texts) {
  std::vector<LabelCounts> counts(static_cast<std::size_t>(texts.labels));
  MarkedLabels(texts).count(std::vector<uint32_t>(texts.texts(), 1), counts);
  return counts;
}

MultiLabelScores score(const MultiLabels& texts) {
  const std::size_t size = texts.texts();
  const std::vector<uint32_t> once(size, 1);
  const MarkedLabels marked(texts);
  MultiLabelScores scores{.texts = static_cast<int64_t>(size), .labels = count_labels(texts)};
  std::vector<LabelCounts> counts(scores.labels.size());
  scores.exact = proportion(count_exact(texts), scores.texts);
  const std::vector<AveragePrecision> sorted = sort_labels(texts);
  scores.label_average_precision.resize(scores.labels.size());
  for (std::size_t k = 0; k < sorted.size(); ++k) scores.label_average_precision[k] = sorted[k].of(once);
  const std::optional<double> precision = mean_of(sorted, once);
  std::vector<double> values{micro_f1(scores.labels), macro_f1(scores.labels, MeanOver::kAll)};
  if (precision) values.push_back(*precision);
  const std::size_t passes = kCountingPasses + (precision ? kPrecisionPasses : 0);
  const auto resampled = [&](std::span<const uint32_t> drawn, std::span<double> figures) {
    marked.count(drawn, counts);
    figures[0] = micro_f1(counts);
    figures[1] = macro_f1(counts, MeanOver::kAll);
    // A sample without any label says nothing: it counts as the mean itself.
    if (precision) figures[2] = mean_of(sorted, drawn).value_or(*precision);
  };
  const std::vector<Score> found = bootstrap_shares(values, size, passes * texts.expected.size(), resampled);
  scores.micro_f1 = found[0];
  scores.macro_f1 = found[1];
  if (precision) scores.average_precision = found[2];
  return scores;
}

}  // namespace paceline
