#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backend/trainer.h"
#include "base/json.h"
#include "base/json_text.h"
#include "tensor/tensor_view.h"
#include "tensor/weight_file.h"
#include "train/training_progress.h"

namespace paceline {

/// The hashes that a file of this name in --out may have.
using FileHashes = std::map<std::string, std::set<std::string>>;

/// The checkpoints of a training that is not finished, in the folder `checkpoints` of its --out. Each is complete and
/// on the disk before the one before goes, so that whatever happens meanwhile leaves one to go on from. What others put
/// there stays: a checkpoint is a folder of our name with files of our names, and only these are removed. Its name says
/// which update it holds, and a file in it the hashes of the others.
class TrainingCheckpoints {
 public:
  explicit TrainingCheckpoints(const std::filesystem::path& out);

  /// What a checkpoint is saved with: an object of everything that decides the weights.
  void set_identity(OrderedJson identity) { identity_ = std::move(identity); }

  /// Whether there is one of this identity. Throws Error{invalid_argument} that names what differs where it is of
  /// another training, {corrupt_data} where it does not say of which.
  bool exists() const;

  /// Puts trainer and progress where the newest one was, at most `planned` updates. Throws Error{corrupt_data}, before
  /// the trainer changes, for one that is damaged: be it by a single bit.
  TrainingProgress restore(Trainer& trainer, int64_t planned) const;

  /// Throws Error{resource_exhausted} for a full disk; then the one before is still there.
  void save(Trainer& trainer, const TrainingProgress& progress);

  /// The weights at progress.history.best_update, valid as long as the file is there. After a save or restore with one.
  /// Throws Error{corrupt_data} where they are damaged.
  std::vector<NamedTensor> best_weights();

  /// Notes in the newest one which files are about to be put into --out: a kill on the way leaves some of them there.
  void announce(const FileHashes& files) const;
  /// What was noted; nothing where that cannot be read.
  FileHashes announced() const;

  /// The newest one's folder, for messages; empty: there is none.
  std::filesystem::path newest() const;
  /// With what a kill has left of them.
  void remove_all() const;

 private:
  std::vector<std::filesystem::path> all() const;
  std::filesystem::path free_place(int64_t update) const;
  void check_identity(const Json& saved) const;

  std::filesystem::path folder_;
  OrderedJson identity_;
  std::optional<MappedFile> best_;  ///< what best_weights points into
};

}  // namespace paceline
