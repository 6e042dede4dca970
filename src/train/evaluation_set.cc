#include "train/evaluation_set.h"

#include <algorithm>
#include <cmath>

#include "evaluate/answer_collector.h"
#include "evaluate/scoring.h"

namespace paceline {
namespace {

double cross_entropy(std::size_t label, std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[label]);
}

/// -log of the sigmoid of x.
double softplus_of_negative(double x) { return std::max(-x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace

double text_loss(ProblemType type, std::span<const float> targets, std::span<const float> logits) {
  if (type == ProblemType::kSingleLabelClassification) {
    return cross_entropy(static_cast<std::size_t>(targets.front()), logits);
  }
  double sum = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    const auto logit = static_cast<double>(logits[k]);
    const auto target = static_cast<double>(targets[k]);
    sum += type == ProblemType::kRegression ? (logit - target) * (logit - target)
                                            : softplus_of_negative(target > 0 ? logit : -logit);
  }
  return sum / static_cast<double>(logits.size());
}

struct EvaluationSet::Answers {
  CollectedAnswers collected;
  double loss = 0;  ///< sum
};

EvaluationSet::EvaluationSet(const TokenStore& store, const LabelScheme& scheme, const TrainingMetric& metric,
                             int32_t batch_size)
    : store_(store),
      type_(scheme.type),
      outputs_(static_cast<int32_t>(scheme.labels.size())),
      metric_(metric),
      plan_(plan_batches(store.lengths(), {.batch_size = batch_size, .order = Order::kLength})) {}

std::optional<EvaluationPoint> EvaluationSet::evaluate(Trainer& trainer, const std::stop_token& stop) const {
  Answers answers;
  answers.collected.single.labels = answers.collected.multi.labels = outputs_;
  PackedBatch batch;
  std::vector<float> targets;
  std::vector<float> logits;
  const auto width = static_cast<std::size_t>(store_.targets());
  const auto outputs = static_cast<std::size_t>(outputs_);
  for (const PlannedBatch& planned : plan_.batches) {
    if (stop.stop_requested()) return std::nullopt;
    clear(batch);
    targets.clear();
    for (const uint32_t text : planned.indices) store_.append(text, batch, targets);
    logits.resize(planned.indices.size() * outputs);
    trainer.run(batch, logits);
    for (std::size_t i = 0; i < planned.indices.size(); ++i) {
      take(std::span(targets).subspan(i * width, width), std::span(logits).subspan(i * outputs, outputs), answers);
    }
  }
  EvaluationPoint point;
  point.loss = answers.loss / static_cast<double>(store_.texts());
  const Score score = metric_score(metric_, paceline::score(answers.collected, type_), point.loss);
  point.metric = score.value;
  point.low = score.low;
  point.high = score.high;
  return point;
}

/// An answer is what classify would give: the best label, those of at least 0.5, or the value.
void EvaluationSet::take(std::span<const float> targets, std::span<const float> logits, Answers& answers) const {
  CollectedAnswers& is = answers.collected;
  answers.loss += text_loss(type_, targets, logits);
  switch (type_) {
    case ProblemType::kSingleLabelClassification:
      is.single.expected.push_back(static_cast<int32_t>(targets.front()));
      is.single.predicted.push_back(
          static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      break;
    case ProblemType::kMultiLabelClassification:
      for (std::size_t k = 0; k < logits.size(); ++k) {
        is.multi.expected.push_back(targets[k] > 0 ? 1 : 0);
        is.multi.predicted.push_back(logits[k] >= 0 ? 1 : 0);
      }
      is.multi.scores.insert(is.multi.scores.end(), logits.begin(), logits.end());
      break;
    case ProblemType::kRegression:
      is.expected.push_back(static_cast<double>(targets.front()));
      is.predicted.push_back(static_cast<double>(logits.front()));
      break;
  }
}

}  // namespace paceline
