#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "backend/trainer.h"
#include "base/progress.h"
#include "results/training.h"
#include "train/batch_sampler.h"
#include "train/evaluation_set.h"
#include "train/finetune.h"
#include "train/label_scan.h"
#include "train/learning_rate.h"
#include "train/token_store.h"
#include "train/training_checkpoint.h"

namespace paceline {

/// Everything that the updates of a training need. What it points to outlives the loop.
struct TrainLoopParts {
  const TrainingRecipe& recipe;
  const TokenStore& texts;
  const LabelScheme& scheme;
  std::vector<float> label_weights;  ///< [K]; empty: every text counts 1
  const EvaluationSet& evaluation;
  TrainingMetric metric;
  TrainingCheckpoints& checkpoints;
  double seconds_between_checkpoints = 0;
};

/// How many updates a training has.
struct TrainingLength {
  int64_t batches_per_epoch = 0;
  int64_t updates_per_epoch = 0;  ///< the last one of an epoch may have fewer batches
  int64_t updates = 0;

  TrainingLength(int64_t texts, const TrainingRecipe& recipe);
};

/// Makes updates, evaluates and keeps checkpoints until the training is done.
class TrainLoop {
 public:
  TrainLoop(const TrainLoopParts& parts, Trainer& trainer, TrainingProgress progress);

  /// How it ended; none where it was stopped, with a checkpoint of the last update. A checkpoint is made only of
  /// weights that are all finite and from which finite logits were computed: else the one before stays. Throws
  /// Error{invalid_argument} where loss, gradient or weights are no numbers, and what trainer and checkpoints throw.
  std::optional<TrainingEnd> run(const FinetuneListener& listener, const std::stop_token& stop);

  const TrainingProgress& progress() const { return progress_; }
  const TrainingLength& length() const { return length_; }
  /// What the newest checkpoint has; 0: there is none.
  int64_t saved_updates() const { return saved_updates_; }

 private:
  bool make_update(const std::stop_token& stop);
  double make_pass(std::span<const uint32_t> texts, double scale);
  double weight_of(std::span<const uint32_t> texts) const;
  float label_weight(const Expected& expected) const;
  void note_loss(double loss, double norm, double rate);
  void close_loss_point();
  bool evaluate(const FinetuneListener& listener, const std::stop_token& stop);
  bool is_to_evaluate() const;
  std::string flaw();
  void save();
  void save_at_stop(const FinetuneListener& listener);
  void write_checkpoint();
  [[noreturn]] void fail(const std::string& what) const;
  std::string advice(const std::string& what) const;
  std::string note(const TrainingHistory& begun) const;

  TrainLoopParts parts_;
  Trainer& trainer_;
  TrainingProgress progress_;
  TrainingLength length_;
  LearningRate rate_;
  BatchSampler sampler_;
  TrainingBatch batch_;
  double saved_at_ = 0;
  int64_t saved_updates_ = 0;
  int64_t computed_updates_ = 0;  ///< after which the weights gave finite logits
};

}  // namespace paceline
