#include "evaluate/scoring.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace paceline {
namespace {

std::vector<double> squared_errors(const CollectedAnswers& answers) {
  std::vector<double> errors(answers.expected.size());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const double error = answers.predicted[i] - answers.expected[i];
    errors[i] = error * error;
  }
  return errors;
}

/// The difference of the shares of texts with all labels right.
Score exact_difference(const MultiLabels& first, const MultiLabels& second) {
  const auto labels = static_cast<std::size_t>(first.labels);
  const auto is_exact = [&](const MultiLabels& texts, std::size_t text) {
    const auto row = std::span(texts.expected).subspan(text * labels, labels);
    return std::ranges::equal(row, std::span(texts.predicted).subspan(text * labels, labels));
  };
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

}  // namespace

TaskScores score(const CollectedAnswers& answers, ProblemType type) {
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      return {.single = score(answers.single)};
    case ProblemType::kMultiLabelClassification:
      return {.multi = score(answers.multi)};
    case ProblemType::kRegression:
      break;
  }
  return {.regression = score(answers.expected, answers.predicted)};
}

std::optional<Calibration> calibrate(const CollectedAnswers& answers, ProblemType type) {
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      return calibrate_single(answers.logits, answers.single.expected, answers.single.labels);
    case ProblemType::kMultiLabelClassification:
      return calibrate_multi(answers.multi.scores, answers.multi.expected);
    case ProblemType::kRegression:
      break;
  }
  return std::nullopt;
}

std::vector<int64_t> confusion_of(const CollectedAnswers& answers, ProblemType type) {
  if (type != ProblemType::kSingleLabelClassification) return {};
  const Confusion confusion(answers.single);
  return {confusion.counts().begin(), confusion.counts().end()};
}

void compare(const CollectedAnswers& others, const CollectedAnswers& answers, ProblemType type,
             EvaluatedAgainst& against) {
  const CollectedAnswers first = of_rows(others, answers.rows);
  const CollectedAnswers second = of_rows(answers, others.rows);
  against.texts = static_cast<int64_t>(first.rows.size());
  if (first.rows.empty()) return;
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      against.single = compare(first.single, second.single);
      break;
    case ProblemType::kMultiLabelClassification:
      against.exact = exact_difference(first.multi, second.multi);
      break;
    case ProblemType::kRegression:
      against.squared_error = paired_difference(squared_errors(first), squared_errors(second));
      break;
  }
}

}  // namespace paceline
