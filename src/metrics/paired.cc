#include "metrics/paired.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/function_ref.h"
#include "metrics/mean.h"
#include "metrics/proportion.h"
#include "statistics/distributions.h"
#include "statistics/resampling.h"

namespace paceline {
namespace {

/// What is unlikely enough to be no accident.
constexpr double kUnlikely = 0.05;
/// Where two models are alike, each text that they answer differently favours either of them. Five that all favour one
/// come with 2 / 2^5 = 6 %, six with 3 %: fewer tell nothing, whatever the texts weigh.
constexpr int64_t kFewestThatTell = 6;

Score holding_zero(const Score& is) { return {is.value, std::min(0.0, is.low), std::max(0.0, is.high)}; }

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

/// Without what follows from the counts.
PairedScores count_pairs(const SingleLabels& first, const SingleLabels& second) {
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
  scores.agreement = proportion(equal, scores.texts);
  return scores;
}

/// Labels of one text, or of all.
struct LabelSums {
  int64_t right = 0;
  int64_t named = 0;  ///< expected, and predicted once more

  void add(const LabelSums& other) {
    right += other.right;
    named += other.named;
  }
  double f1() const { return named == 0 ? 0 : 2 * static_cast<double>(right) / static_cast<double>(named); }
  /// How much the F1 of all, which are these, owes to one text: its derivative. The sum over the texts is 0.
  double owes(const LabelSums& text) const {
    if (named == 0) return 0;
    return (2 * static_cast<double>(text.right) - f1() * static_cast<double>(text.named)) / static_cast<double>(named);
  }
};

LabelSums sums_of(const MultiLabels& texts, std::size_t text) {
  const std::span<const uint8_t> expected = row_of(texts.expected, texts, text);
  const std::span<const uint8_t> predicted = row_of(texts.predicted, texts, text);
  LabelSums sums;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    sums.right += expected[k] != 0 && predicted[k] != 0 ? 1 : 0;
    sums.named += (expected[k] != 0 ? 1 : 0) + (predicted[k] != 0 ? 1 : 0);
  }
  return sums;
}

/// Of a figure of the labels' counts.
Score count_difference(const MultiLabels& first, const MultiLabels& second,
                       FunctionRef<double(std::span<const LabelCounts>)> figure) {
  const MarkedLabels marked_first(first);
  const MarkedLabels marked_second(second);
  std::vector<LabelCounts> counts(static_cast<std::size_t>(first.labels));
  const auto difference = [&](std::span<const uint32_t> drawn) {
    marked_second.count(drawn, counts);
    const double of_second = figure(counts);
    marked_first.count(drawn, counts);
    return of_second - figure(counts);
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
  const Score is{value, std::max(-1.0, std::min(value, middle - reach)),
                 std::min(1.0, std::max(value, middle + reach))};
  return mcnemar_p_value(only_first, only_second) < kUnlikely ? is : holding_zero(is);
}

Score paired_difference(std::span<const double> first, std::span<const double> second) {
  std::vector<double> differences(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) differences[i] = second[i] - first[i];
  return mean_score(differences);
}

Score micro_f1_difference(const MultiLabels& first, const MultiLabels& second) {
  LabelSums of_first;
  LabelSums of_second;
  for (std::size_t i = 0; i < first.texts(); ++i) {
    of_first.add(sums_of(first, i));
    of_second.add(sums_of(second, i));
  }
  double squares = 0;
  int64_t labelled = 0;
  int64_t changed = 0;
  for (std::size_t i = 0; i < first.texts(); ++i) {
    const LabelSums one = sums_of(first, i);
    const LabelSums other = sums_of(second, i);
    if (one.named == 0 && other.named == 0) continue;
    ++labelled;
    changed += std::ranges::equal(row_of(first.predicted, first, i), row_of(second.predicted, second, i)) ? 0 : 1;
    const double owed = of_second.owes(other) - of_first.owes(one);
    squares += owed * owed;
  }
  const double value = of_second.f1() - of_first.f1();
  if (labelled == 0) return {value, -1, 1};
  // A text more that the second has wrong, and one that it has right. One that gets wrong labels for right ones costs
  // twice its share of the labels' sum, which is 1 / labelled in the mean.
  const double share = 1 / static_cast<double>(labelled);
  const double reach = kNormal975 * std::sqrt(squares + 2 * share * share);
  const Score is{value, std::max(-1.0, value - reach), std::min(1.0, value + reach)};
  return changed < kFewestThatTell ? holding_zero(is) : is;
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
  PairedScores scores = count_pairs(first, second);
  scores.accuracy = share_difference(scores.only_first, scores.only_second, scores.texts);
  scores.p_value = mcnemar_p_value(scores.only_first, scores.only_second);
  scores.macro_f1 = macro_f1_difference(first, second);
  return scores;
}

Score accuracy_difference(const SingleLabels& first, const SingleLabels& second) {
  const PairedScores counted = count_pairs(first, second);
  return share_difference(counted.only_first, counted.only_second, counted.texts);
}

}  // namespace paceline
