#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "backend/trainer.h"
#include "batch/batch_planner.h"
#include "results/training.h"
#include "train/label_scan.h"
#include "train/metric.h"
#include "train/token_store.h"

namespace paceline {

/// The texts that a model in training is evaluated on.
class EvaluationSet {
 public:
  /// `store` and `scheme` must outlive it. `batch_size`: texts run together, of like length. Throws as
  /// check_metric.
  EvaluationSet(const TokenStore& store, const LabelScheme& scheme, const TrainingMetric& metric, int32_t batch_size);

  /// Runs every text through the trainer as it is; `update` and `epoch` of the point are the caller's. None where it
  /// was stopped. Throws Error as Trainer::run.
  std::optional<EvaluationPoint> evaluate(Trainer& trainer, const std::stop_token& stop) const;

 private:
  struct Answers;
  void take(const Expected& expected, std::span<const float> logits, Answers& answers) const;

  const TokenStore& store_;
  const LabelScheme& scheme_;
  TrainingMetric metric_;
  BatchPlan plan_;
};

}  // namespace paceline
