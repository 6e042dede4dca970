#include "train/evaluation_set.h"

#include <algorithm>

#include "evaluate/answer_collector.h"
#include "evaluate/scoring.h"
#include "train/targets.h"

namespace paceline {

struct EvaluationSet::Answers {
  CollectedAnswers collected;
  double loss = 0;  ///< sum
};

EvaluationSet::EvaluationSet(const TokenStore& store, const LabelScheme& scheme, const TrainingMetric& metric,
                             int32_t batch_size)
    : store_(store),
      scheme_(scheme),
      metric_(metric),
      plan_(plan_batches(store.lengths(), {.batch_size = batch_size, .order = Order::kLength})) {
  check_metric(metric, store);
}

std::optional<EvaluationPoint> EvaluationSet::evaluate(Trainer& trainer, const std::stop_token& stop) const {
  Answers answers;
  answers.collected = no_answers(scheme_.labels.size());
  PackedBatch batch;
  std::vector<int32_t> no_teacher;
  std::vector<Expected> expected;
  std::vector<float> logits;
  const std::size_t outputs = scheme_.labels.size();
  for (const PlannedBatch& planned : plan_.batches) {
    if (stop.stop_requested()) return std::nullopt;
    clear(batch);
    expected.clear();
    for (const uint32_t text : planned.indices) expected.push_back(store_.append(text, batch, no_teacher));
    logits.resize(planned.indices.size() * outputs);
    trainer.run(batch, logits);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      take(expected[i], std::span(logits).subspan(i * outputs, outputs), answers);
    }
  }
  EvaluationPoint point;
  point.loss = answers.loss / static_cast<double>(store_.texts());
  const Score score = metric_score(metric_, paceline::score(answers.collected, scheme_.type), point.loss);
  point.metric = score.value;
  point.low = score.low;
  point.high = score.high;
  return point;
}

/// An answer is what classify would give: the best label, those of at least 0.5, or the value.
void EvaluationSet::take(const Expected& expected, std::span<const float> logits, Answers& answers) const {
  CollectedAnswers& is = answers.collected;
  std::vector<float> targets;
  append_targets(expected, scheme_, targets);
  answers.loss += text_loss(scheme_.type, targets, logits);
  switch (scheme_.type) {
    case ProblemType::kSingleLabelClassification:
      is.single.expected.push_back(expected.labels.front());
      is.single.predicted.push_back(
          static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      break;
    case ProblemType::kMultiLabelClassification:
      for (std::size_t k = 0; k < logits.size(); ++k) {
        is.multi.expected.push_back(targets[k] > 0 ? 1 : 0);
        is.multi.predicted.push_back(logits[k] >= 0 ? 1 : 0);
      }
      // Ranking every label's texts again and again costs more than all else, and no other metric needs it.
      if (metric_.name == kAveragePrecisionMetric) {
        is.multi.scores.insert(is.multi.scores.end(), logits.begin(), logits.end());
      }
      break;
    case ProblemType::kRegression:
      is.expected.push_back(expected.value);
      is.predicted.push_back(static_cast<double>(logits.front()));
      break;
  }
}

}  // namespace paceline
