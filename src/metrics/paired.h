#pragma once

#include <cstdint>
#include <span>

#include "metrics/multi_label.h"
#include "metrics/single_label.h"
#include "statistics/score.h"

namespace paceline {

/// Two models on the same texts.
struct PairedScores {
  int64_t texts = 0;
  int64_t both_right = 0;
  int64_t only_first = 0;   ///< texts that the first has right and the second wrong
  int64_t only_second = 0;  ///< the other way round
  Score accuracy{};         ///< the second's accuracy minus the first's: see share_difference
  Score macro_f1{};         ///< the same of macro-F1
  Score agreement{};        ///< share of texts that both give the same label, right or wrong, with Wilson's interval
  double p_value = 1;       ///< McNemar's exact test that both are equally often right
};

/// The same texts in the same order, at least one.
PairedScores compare(const SingleLabels& first, const SingleLabels& second);

/// `accuracy` of these alone.
Score accuracy_difference(const SingleLabels& first, const SingleLabels& second);

/// The same of several labels: the second's figures minus the first's.
struct PairedMultiScores {
  Score exact{};          ///< of the share of texts with all labels right: see share_difference
  Score micro_f1{};       ///< see micro_f1_difference
  Score macro_f1{};       ///< over all labels, with a bootstrap interval over texts
  Score agreement{};      ///< share of texts that both give the same labels, right or wrong, with Wilson's interval
  int64_t differing = 0;  ///< texts that they do not
};

PairedMultiScores compare(const MultiLabels& first, const MultiLabels& second);

/// McNemar's exact test: a fair coin for each text that only one of the two has right.
double mcnemar_p_value(int64_t only_first, int64_t only_second);

/// The second's share of right texts minus the first's, with the interval of Bonett and Price (Journal of Educational
/// and Behavioral Statistics 37, 2012): a normal one with a text more of each kind that only one has right. It holds 0
/// wherever McNemar's exact test does not tell the two apart.
Score share_difference(int64_t only_first, int64_t only_second, int64_t texts);

/// mean of second[i] - first[i] with Student's interval: of any figure of single texts, e.g. squared error.
Score paired_difference(std::span<const double> first, std::span<const double> second);

/// The second's micro-F1 minus the first's, of the same texts in the same order. The interval is share_difference's,
/// carried over by the delta method: a normal one of what each text contributes, with a text more of each kind. Texts
/// without any label, expected or given, count for nothing, so rare labels make it wide. It holds 0 where fewer than
/// six texts were answered differently.
///
/// Where 40 of 2,000 texts have a label and one in 200 changes, 100 % of such intervals hold the truth, of bootstrap
/// ones 34 %: most of those have no width.
Score micro_f1_difference(const MultiLabels& first, const MultiLabels& second);

}  // namespace paceline
