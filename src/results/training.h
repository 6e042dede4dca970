#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/enum_names.h"
#include "results/evaluation.h"
#include "results/results.h"

namespace paceline {

/// Everything that a training did and found out: what report/ turns into a page, a model card and the terminal summary.

/// How texts are put into batches.
enum class Batching {
  kRandom,         ///< drawn at random; no layer computes padding
  kLengthGrouped,  ///< texts of like length together, as transformers' group_by_length does
  kPadded          ///< drawn at random, and every layer computes the padding, too
};
inline constexpr EnumNames<Batching, 3> kBatchingNames{
    {{Batching::kRandom, "random"}, {Batching::kLengthGrouped, "length-grouped"}, {Batching::kPadded, "padded"}}};

/// What decides the weights beside the model and the data, as flags have it.
struct TrainingRecipe {
  double epochs = 3;
  int64_t steps = 0;  ///< updates; 0: as many as the epochs have
  int32_t batch_size = 32;
  int32_t accumulate = 1;  ///< batches an update
  double learning_rate = 2e-5;
  double warmup = 0.1;  ///< share of the updates
  double weight_decay = 0.01;
  double max_gradient_norm = 1;  ///< 0: gradients are not clipped
  std::string compute_type = "fp32";
  uint64_t seed = 42;
  int32_t threads = 0;  ///< once the trainer is there, those that compute
  Batching batching = Batching::kRandom;
  std::string class_weights{};  ///< "balanced", LABEL=W,...; empty: none
  std::string freeze{};         ///< "encoder", "embeddings", a number of layers; empty: nothing
  int32_t max_length = 0;       ///< tokens; 0: the model's limit
  std::string problem_type{};   ///< as given; empty: by the folder or the labels
  bool new_head = false;        ///< asked for, whatever the folder has
  int32_t patience = 0;         ///< evaluations without a gain after which it ends; 0: it does not
  int32_t eval_every = 0;       ///< updates; 0: an epoch
  std::string metric{};         ///< that says which evaluation is best; empty: the first of the task
  double teacher_share = 0.5;
  double temperature = 2;
  double hidden_weight = 0;
};

/// One of the two files, as it was read.
struct TrainingSplit {
  std::string source{};  ///< file name
  std::string hash{};    ///< of its content
  int64_t texts = 0;
  int64_t tokens = 0;
  int64_t longest = 0;                 ///< tokens
  int64_t rows_skipped = 0;            ///< that could not be read
  int64_t empty_texts = 0;             ///< left out
  int64_t truncated = 0;               ///< texts
  std::vector<int64_t> label_texts{};  ///< [K] texts that have each label; empty for a regression
};

/// How far the length of a text tells its label.
struct LengthRelation {
  std::string measure{};     ///< "eta^2", "Spearman"; empty: unknown, as all texts are of one length or one label
  double value = 0;          ///< eta^2: 0 to 1; Spearman: -1 to 1
  double by_chance = 0;      ///< what eta^2 would be on average if they had nothing to do with each other
  std::string label{};       ///< of several labels the one that it is of
  bool go_together = false;  ///< by more than a medium effect (Cohen, 1988)
};

/// The mean over some updates.
struct LossPoint {
  int64_t update = 0;  ///< the last of them
  double loss = 0;
  double learning_rate = 0;  ///< of the last
  double gradient_norm = 0;  ///< before clipping
};

/// One look at the eval file.
struct EvaluationPoint {
  int64_t update = 0;
  double epoch = 0;
  double loss = 0;    ///< mean of the texts' losses, without class weights
  double metric = 0;  ///< in its own unit, interval below
  double low = 0;
  double high = 0;
};

/// What may differ from one run of the same training to the next: why it ended.
enum class TrainingEnd { kAllUpdates, kPatience };
inline constexpr EnumNames<TrainingEnd, 2> kTrainingEndNames{
    {{TrainingEnd::kAllUpdates, "all updates"}, {TrainingEnd::kPatience, "patience"}}};

struct TrainingHistory {
  std::vector<LossPoint> losses{};
  std::vector<EvaluationPoint> evaluations{};
  int64_t best_update = 0;   ///< of the best evaluation; 0: none yet
  int32_t without_gain = 0;  ///< evaluations since
  double seconds = 0;        ///< spent on updates, in all runs
  int64_t texts = 0;         ///< that they went through
};

struct Training {
  static constexpr int kSchemaVersion = 1;

  std::string paceline_version{};
  std::string build_id{};
  std::string command{};
  std::string identity{};     ///< hash of all that decides the weights
  std::string started_at{};   ///< of the last run; ISO 8601, UTC
  CheckpointSummary start{};  ///< what was learnt from
  bool new_head = false;
  std::vector<std::string> labels{};
  std::string problem_type{};
  std::string teacher{};  ///< folder; empty: none
  std::string engine{};   ///< "torch 2.9.1"
  TrainingRecipe recipe{};
  std::string metric{};  ///< the one that decided
  TrainingSplit train{};
  TrainingSplit eval{};
  int64_t overlap = 0;  ///< train texts that the eval file has, too
  LengthRelation length_relation{};
  int64_t trained_parameters = 0;
  int64_t parameters = 0;
  int64_t updates = 0;          ///< made
  int64_t planned_updates = 0;  ///< where nothing ends it early
  double updates_per_epoch = 0;
  TrainingEnd end = TrainingEnd::kAllUpdates;
  TrainingHistory history{};
  Evaluation evaluation{};                     ///< of the resulting folder, as `evaluate` does it
  std::map<std::string, std::string> files{};  ///< the other files that were written with this one, and their hashes
};

}  // namespace paceline
