#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"
#include "paceline/packed_batch.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// A model to learn from: loss = (1 - logits_share) * loss of the labels + logits_share * temperature^2 * KL(teacher's
/// probabilities || student's), both at `temperature` (several labels: of each label's two probabilities; a regression:
/// the squared difference), + hidden_weight * the mean squared difference of hidden states, for each layer of the
/// student that of the teacher at the same share of its depth. Where the two are of different width, a projection is
/// trained beside the student and thrown away with the trainer.
struct Distillation {
  const Checkpoint* teacher = nullptr;  ///< none: no distillation
  double logits_share = 0.5;            ///< 0 to 1; 0: the teacher's labels do not matter
  double temperature = 2;
  double hidden_weight = 0;  ///< with a share of 0 as well, the teacher is not run
};

/// How a checkpoint is trained. Nothing of it changes while a Trainer lives.
struct TrainerOptions {
  std::string compute_type = "fp32";  ///< or "bf16-autocast": weights and moments stay fp32
  int32_t threads = 0;                ///< 0: all that the process may use
  bool padded = false;                ///< every layer computes padding too, as transformers does: for comparison
  bool dropout = true;                ///< as config.json has it; false: none
  uint64_t seed = 42;                 ///< of dropout: with the number of the update it decides every mask
  std::vector<std::string> frozen{};  ///< weights that stay as they are, by their names in the checkpoint
  double weight_decay = 0.01;         ///< not of biases and norms
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  Distillation distillation{};
};

/// Texts of one pass and what is expected of each.
struct TrainingBatch {
  PackedBatch sequences;
  /// [B, K]: a distribution over the labels (one-hot, by and large); of several labels 0 or 1 each; of a regression the
  /// values.
  std::vector<float> targets;
  std::vector<float> weights;  ///< [B], how much each text counts
  /// [T], token types of the same tokens as the teacher of a distillation gets them, which may read others or some
  /// where the student reads none; empty: it gets none.
  std::vector<int32_t> teacher_types{};
};

/// A checkpoint in training with AdamW. The loss of a text is what transformers computes for the problem type:
/// cross-entropy; the mean of K binary cross-entropies; the mean of K squared differences. Only one thread may call it
/// at a time. Given the same calls it reaches the same weights, bit for bit, on the same machine with as many threads.
class Trainer {
 public:
  virtual const BackendInfo& info() const = 0;

  /// Forward and backward: adds the gradient of scale * sum over the batch of weights[b] * loss[b]. Gives that sum
  /// without `scale`, so that scale = 1 / (weights of the whole update) makes an update the same however many passes
  /// it is made of. Throws Error as Backend::run.
  virtual double accumulate(const TrainingBatch& batch, double scale) = 0;

  /// Clips the gradients to a global norm of `max_gradient_norm` (0: does not), moves the weights by AdamW and forgets
  /// the gradients. Gives the norm before clipping. Where that is not finite, no weight moves.
  virtual double update(double learning_rate, double max_gradient_norm) = 0;

  /// Logits as Backend::run gives them, with the weights as they are and without dropout.
  virtual void run(const PackedBatch& batch, std::span<float> logits) = 0;

  /// Every weight of the network as fp32, under its name in the checkpoint; valid until the next call.
  virtual std::vector<NamedTensor> weights() const = 0;

  /// What has to be kept beside the weights to go on: both moments of each trained weight ("exp_avg.NAME",
  /// "exp_avg_sq.NAME") and the projections of a distillation with theirs; valid until the next call.
  virtual std::vector<NamedTensor> state() const = 0;

  /// How many updates have been made.
  virtual int64_t updates() const = 0;

  /// Goes on from where a trainer with the same options was after `updates` updates, and forgets the gradients since
  /// its own last one. Throws Error{corrupt_data}, with nothing changed, for a tensor that is missing, is not known, or
  /// is no fp32 of the shape.
  virtual void restore(std::span<const NamedTensor> weights, std::span<const NamedTensor> state, int64_t updates) = 0;

  virtual ~Trainer();
};

/// Whether an engine here can train, else Error{unavailable} with the command that mends it. Fills in options.threads.
/// The checkpoint and the teacher must outlive the trainer. Throws Error{invalid_argument} for a frozen weight that the
/// network has not or for nothing left to train, unsupported for a compute type.
std::unique_ptr<Trainer> create_trainer(const Checkpoint& checkpoint, const TrainerOptions& options);

/// The name and version of the engine that trains here ("torch 2.9.1"), found out without a checkpoint. Throws as
/// create_trainer.
std::string check_trainer();

}  // namespace paceline
