#include "evaluate/scoring.h"

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
      return answers.logits.calibrate();
    case ProblemType::kMultiLabelClassification:
      return calibrate_multi(answers.multi.scores, answers.multi.expected, answers.multi.labels);
    case ProblemType::kRegression:
      break;
  }
  return std::nullopt;
}

std::vector<ConfusionCell> confusion_of(const CollectedAnswers& answers, ProblemType type) {
  if (type != ProblemType::kSingleLabelClassification) return {};
  return count_confusion(answers.single);
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
      against.multi = compare(first.multi, second.multi);
      break;
    case ProblemType::kRegression:
      against.squared_error = paired_difference(squared_errors(first), squared_errors(second));
      break;
  }
}

}  // namespace paceline
