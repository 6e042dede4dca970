#include "metrics/paired.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/function_ref.h"
#include "metrics/proportion.h"
#include "statistics/distributions.h"
#include "statistics/resampling.h"

namespace paceline {
namespace {

double macro_f1_difference(std::span<const LabelCounts> first, std::span<const LabelCounts> second) {
  return macro_f1(second, MeanOver::kOccurring) - macro_f1(first, MeanOver::kOccurring);
}

Score macro_f1_difference(const SingleLabels& first, const SingleLabels& second) {
  std::vector<LabelCounts> of_first = count_labels(first);
  std::vector<LabelCounts> of_second = count_labels(second);
  const double difference = macro_f1_difference(of_first, of_second);
  const std::size_t size = first.expected.size();
  return bootstrap(difference, size, size + of_first.size(), [&](std::span<const uint32_t> drawn) {
    count_labels(first, drawn, of_first);
    count_labels(second, drawn, of_second);
    return macro_f1_difference(of_first, of_second);
  });
}

std::span<const uint8_t> row_of(std::span<const uint8_t> values, const MultiLabels& texts, std::size_t text) {
  const auto labels = static_cast<std::size_t>(texts.labels);
  return values.subspan(text * labels, labels);
}

bool is_exact(const MultiLabels& texts, std::size_t text) {
  return std::ranges::equal(row_of(texts.expected, texts, text), row_of(texts.predicted, texts, text));
}

Score exact_difference(const MultiLabels& first, const MultiLabels& second) {
  int64_t only_first = 0;
  int64_t only_second = 0;
  for (std::size_t i = 0; i < first.texts(); ++i) {
    const bool a = is_exact(first, i);
    const bool b = is_exact(second, i);
    only_first += a && !b ? 1 : 0;
    only_second += b && !a ? 1 : 0;
  }
  return share_difference(only_first, only_second, static_cast<int64_t>(first.texts()));
}

/// Of a figure of the labels' counts.
Score count_difference(const MultiLabels& first, const MultiLabels& second,
                       FunctionRef<double(std::span<const LabelCounts>)> figure) {
  const auto difference = [&](std::span<const uint32_t> drawn) {
    return figure(count_labels(second, drawn)) - figure(count_labels(first, drawn));
  };
  const std::vector<uint32_t> once(first.texts(), 1);
  return bootstrap(difference(once), once.size(), 2 * first.expected.size(), difference);
}

}  // namespace

double mcnemar_p_value(int64_t only_first, int64_t only_second) {
  const int64_t fewer = std::min(only_first, only_second);
  return std::min(1.0, 2 * fair_binomial_probability(fewer, only_first + only_second));
}

Score share_difference(int64_t only_first, int64_t only_second, int64_t texts) {
  const auto n = static_cast<double>(texts);
  const double first = static_cast<double>(only_first + 1) / (n + 2);
  const double second = static_cast<double>(only_second + 1) / (n + 2);
  const double middle = second - first;
  const double reach = kNormal975 * std::sqrt((first + second - middle * middle) / (n + 2));
  const double value = static_cast<double>(only_second - only_first) / n;
  return {value, std::max(-1.0, std::min(value, middle - reach)), std::min(1.0, std::max(value, middle + reach))};
}

Score paired_difference(std::span<const double> first, std::span<const double> second) {
  std::vector<double> differences(first.size());
  double sum = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    differences[i] = second[i] - first[i];
    sum += differences[i];
  }
  const auto count = static_cast<double>(first.size());
  return bootstrap(sum / count, first.size(), first.size(), [&](std::span<const uint32_t> drawn) {
    double total = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) total += drawn[i] * differences[i];
    return total / count;
  });
}

Score micro_f1_difference(const MultiLabels& first, const MultiLabels& second) {
  return count_difference(first, second, [](std::span<const LabelCounts> counts) { return micro_f1(counts); });
}

PairedMultiScores compare(const MultiLabels& first, const MultiLabels& second) {
  const auto macro = [](std::span<const LabelCounts> counts) { return macro_f1(counts, MeanOver::kAll); };
  const auto texts = static_cast<int64_t>(first.texts());
  int64_t equal = 0;
  for (std::size_t i = 0; i < first.texts(); ++i) {
    equal += std::ranges::equal(row_of(first.predicted, first, i), row_of(second.predicted, second, i)) ? 1 : 0;
  }
  return {.exact = exact_difference(first, second),
          .micro_f1 = micro_f1_difference(first, second),
          .macro_f1 = count_difference(first, second, macro),
          .agreement = proportion(equal, texts),
          .differing = texts - equal};
}

PairedScores compare(const SingleLabels& first, const SingleLabels& second) {
  const std::size_t size = first.expected.size();
  PairedScores scores{.texts = static_cast<int64_t>(size)};
  int64_t equal = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const bool a = first.predicted[i] == first.expected[i];
    const bool b = second.predicted[i] == first.expected[i];
    scores.both_right += a && b ? 1 : 0;
    scores.only_first += a && !b ? 1 : 0;
    scores.only_second += b && !a ? 1 : 0;
    equal += first.predicted[i] == second.predicted[i] ? 1 : 0;
  }
  scores.accuracy = share_difference(scores.only_first, scores.only_second, scores.texts);
  scores.agreement = proportion(equal, scores.texts);
  scores.p_value = mcnemar_p_value(scores.only_first, scores.only_second);
  scores.macro_f1 = macro_f1_difference(first, second);
  return scores;
}

}  // namespace paceline
