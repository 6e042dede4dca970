#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "backend/trainer.h"
#include "base/progress.h"
#include "checkpoint/checkpoint_options.h"
#include "results/training.h"
#include "rows/row_reader.h"

namespace paceline {

/// What a training runs on: create_trainer, but in tests.
struct TrainingEngine {
  /// The name and version of what trains. Throws Error{unavailable} where no trainer can be created.
  std::function<std::string()> check;
  std::function<std::unique_ptr<Trainer>(const Checkpoint& checkpoint, const TrainerOptions& options)> create;
};

struct FinetuneOptions {
  std::filesystem::path model{};  ///< a folder, or an id of the hub
  CheckpointOptions checkpoint_options{};
  std::filesystem::path train{};
  std::filesystem::path eval{};
  std::filesystem::path out{};
  RowReaderOptions rows{};
  std::filesystem::path teacher{};  ///< empty: none
  TrainingRecipe recipe{};
  std::map<std::string, float> label_weights{};  ///< those that recipe.class_weights names
  bool restart = false;                          ///< the checkpoints and the result of another training give way
  std::filesystem::path cache_dir{};             ///< empty: default_cache_dir()
  std::string command{};                         ///< as typed
  double seconds_between_checkpoints = 300;      ///< one more is kept after each evaluation
};

/// Who follows a training.
struct FinetuneListener {
  std::function<void(const std::string&)> notice;                       ///< a sentence
  std::function<std::unique_ptr<Progress>(const char* unit)> progress;  ///< of one part of the work
};

struct FinetuneResult {
  std::optional<Training> training{};  ///< none: it was stopped, or
  bool finished_before = false;        ///< the same call has finished earlier, and its model is there, unchanged
  std::string remark{};                ///< on the files, for the user; may be empty
};

/// Trains a classifier on a file of labelled texts, watching another one, and writes the weights of the best evaluation
/// to `out` as a folder that transformers loads, with README.md, training.json, report.html and charts.
///
/// What is under way stands in out/checkpoints. The same call goes on from there and reaches the same bits, whatever
/// ended it. One with other settings is refused unless `restart`. One call at a time works in `out`, and replaces or
/// removes only what a training wrote there.
///
/// Throws Error: unavailable before anything else where no engine can train; what readers, checkpoint and trainer
/// throw; corrupt_data for a damaged checkpoint, a damaged model of the same call or weights that are no numbers;
/// invalid_argument for labels that the folder's head has not, a teacher with others, an `out` that is in use or has a
/// file of others where the result goes, and where loss, gradient or weights become no numbers: then the newest
/// checkpoint stays.
FinetuneResult finetune(const FinetuneOptions& options, const TrainingEngine& engine, const FinetuneListener& listener,
                        std::stop_token stop);

}  // namespace paceline
