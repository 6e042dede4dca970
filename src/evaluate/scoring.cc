#include "evaluate/scoring.h"

#include <algorithm>
#include <cstddef>
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

/// 1 for each text with all labels right.
std::vector<double> exact_texts(const MultiLabels& texts) {
  const auto labels = static_cast<std::ptrdiff_t>(texts.labels);
  std::vector<double> exact;
  for (auto expected = texts.expected.begin(), predicted = texts.predicted.begin(); expected != texts.expected.end();
       expected += labels, predicted += labels) {
    exact.push_back(std::equal(expected, expected + labels, predicted) ? 1 : 0);
  }
  return exact;
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
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      against.single = compare(others.single, answers.single);
      break;
    case ProblemType::kMultiLabelClassification:
      against.exact = paired_difference(exact_texts(others.multi), exact_texts(answers.multi));
      break;
    case ProblemType::kRegression:
      against.squared_error = paired_difference(squared_errors(others), squared_errors(answers));
      break;
  }
}

}  // namespace paceline
