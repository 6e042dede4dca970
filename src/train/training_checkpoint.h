#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/trainer.h"
#include "base/json.h"
#include "base/json_text.h"
#include "results/training.h"
#include "tensor/tensor_view.h"
#include "tensor/weight_file.h"

namespace paceline {

/// Where a training stands, beside the weights.
struct TrainingProgress {
  int64_t updates = 0;  ///< made
  TrainingHistory history{};
  LossPoint open{};          ///< sums over the updates that history.losses has no point of yet
  int64_t open_updates = 0;  ///< how many these are
};

/// The checkpoints of a training that is not finished, in the folder `checkpoints` of its --out. Each is complete and
/// on the disk before the one before goes, so that whatever happens meanwhile leaves one to go on from.
class TrainingCheckpoints {
 public:
  /// `identity`: an object of everything that decides the weights. Only a training of the same identity goes on.
  TrainingCheckpoints(const std::filesystem::path& out, OrderedJson identity);

  /// Whether there is one. Throws Error{invalid_argument} that names what differs where it is of another training.
  bool exists() const;

  /// Puts trainer and progress where the newest one was. Throws Error{corrupt_data, not_found} for one that cannot be
  /// read, and as Trainer::restore.
  TrainingProgress restore(Trainer& trainer) const;

  /// Throws Error{resource_exhausted} for a full disk; then the one before is still there.
  void save(Trainer& trainer, const TrainingProgress& progress);

  /// The weights at progress.history.best_update, which valid as long as the file is there. After a save with one.
  std::vector<NamedTensor> best_weights();

  /// The newest one's folder, for messages.
  std::filesystem::path newest() const;
  void remove_all() const;

 private:
  std::filesystem::path place(int64_t number) const;
  std::vector<int64_t> numbers() const;
  void check_identity(const Json& saved, const std::filesystem::path& file) const;

  std::filesystem::path folder_;
  OrderedJson identity_;
  std::optional<MappedFile> best_;  ///< what best_weights points into
};

}  // namespace paceline
