#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/trainer.h"
#include "train/finetune.h"

namespace paceline {

/// A trainer without an engine, for tests: logits are the last dense layer of the head over counts of token ids, each
/// id in a column of its own as far as there are columns. Plain gradient descent with momentum, deterministic.
struct FakeTrainerHooks {
  std::function<void(int64_t updates)> before_update{};                         ///< may throw, or end the process
  std::function<double(int64_t updates, double loss)> loss{};                   ///< of a pass, in place of what it is
  std::function<void(int64_t updates, std::vector<float>& targets)> targets{};  ///< changes those of a pass
  /// Changes what an update made of the weights that are trained, by their names.
  std::function<void(int64_t updates, const std::string& name, std::vector<float>& values)> weights{};
  std::string version = "fake 1";
};

std::unique_ptr<Trainer> create_fake_trainer(const Checkpoint& checkpoint, const TrainerOptions& options,
                                             FakeTrainerHooks hooks = {});

/// Fake trainers with these hooks.
TrainingEngine fake_engine(FakeTrainerHooks hooks = {});

}  // namespace paceline
