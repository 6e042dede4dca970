#include "bench/accuracy_gate.h"

#include <fmt/format.h>

#include "bench/gate.h"
#include "evaluate/scoring.h"
#include "metrics/paired.h"
#include "metrics/regression.h"
#include "results/describe.h"
#include "words/counted.h"

namespace paceline {
namespace {

std::optional<AccuracyResult> regression_of(const CollectedAnswers& answers, const CollectedAnswers* oracle) {
  const RegressionScores scores = score(answers.expected, answers.predicted);
  if (!scores.pearson) return std::nullopt;
  AccuracyResult is{.headline = *scores.pearson, .spearman = scores.spearman};
  if (oracle != nullptr) is.difference = pearson_difference(answers.expected, oracle->predicted, answers.predicted);
  return is;
}

}  // namespace

std::optional<AccuracyResult> accuracy_of(const CollectedAnswers& answers, const CollectedAnswers* oracle,
                                          ProblemType type) {
  if (type == ProblemType::kRegression) return regression_of(answers, oracle);
  const TaskScores scores = score(answers, type);
  if (scores.single) {
    AccuracyResult is{.headline = scores.single->accuracy, .macro_f1 = scores.single->macro_f1};
    if (oracle != nullptr) is.difference = accuracy_difference(oracle->single, answers.single);
    return is;
  }
  AccuracyResult is{.headline = scores.multi->micro_f1, .macro_f1 = scores.multi->macro_f1};
  if (oracle != nullptr) is.difference = micro_f1_difference(oracle->multi, answers.multi);
  return is;
}

bool can_tell(double max_loss, int64_t texts) { return -share_difference(0, 0, texts).low <= max_loss; }

void judge_by_accuracy(GateResult& gate, const std::string& compute_type, const std::optional<AccuracyResult>& accuracy,
                       const AccuracyRule& rule) {
  if (!gate.comparable || is_exact(compute_type)) return;
  const std::string_view metric = metric_words(rule.metric);
  const std::string texts = counted(rule.texts, "labelled text");
  if (!accuracy || !accuracy->difference) {
    gate.verdict += fmt::format(" Its {} is not defined on {}, so agreement decides.", metric, texts);
    return;
  }
  const Score& change = *accuracy->difference;
  const std::string words = metric_change(rule.metric, change);
  const std::string allowed = metric_amount(rule.metric, rule.max_loss);
  const bool loses_more = change.high < 0 && change.value < -rule.max_loss;
  const bool loses_less = change.low >= -rule.max_loss && can_tell(rule.max_loss, rule.texts);
  if (!loses_more && !loses_less) {
    gate.verdict += fmt::format(
        " Its {} changes by {}: {} are too few to tell whether more than {} are lost, so agreement decides.", metric,
        words, texts, allowed);
    return;
  }
  gate.basis = GateBasis::kAccuracy;
  gate.accepted = loses_less;
  gate.verdict = fmt::format("its {} changes by {}, a loss of {} is allowed ({} against {}).", metric, words, allowed,
                             texts, rule.oracle);
}

}  // namespace paceline
