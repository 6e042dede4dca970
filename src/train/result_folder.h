#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "train/training_checkpoint.h"

namespace paceline {

/// The figures of a training, beside its weights.
inline constexpr const char* kTrainingFile = "training.json";

/// Every file that the result of a training may have, relative to --out.
std::vector<std::string> result_files();

/// --out as the place of a result: which of the files there are a training's. Only these are replaced.
class ResultFolder {
 public:
  static constexpr std::string_view kElsewhere = "Move it away, or choose another folder.";

  /// Reads training.json, which lists the files of its training with their hashes, and what was announced in the
  /// checkpoints, which outlive this. Throws Error{invalid_argument} for a training.json that no training wrote,
  /// whatever it holds.
  ResultFolder(std::filesystem::path out, const TrainingCheckpoints& checkpoints);

  /// Of the training whose result is there; empty: none is.
  const std::string& identity() const { return identity_; }

  /// Throws Error{corrupt_data} where a file of the model that is the result is missing or has changed. The model card,
  /// the page and the charts are not needed to use it. Reads all of the model.
  void check_model() const;

  /// Whether it is that of the checkpoints, as a whole: training.json was the last to come.
  bool is_in_place() const;

  /// Notes in the checkpoints what is about to be put there, so that a kill on the way leaves nothing unknown.
  void announce(const std::map<std::string, std::string>& hashes);

  /// Throws Error{invalid_argument}, which ends in `hint`, where a result would replace what no training wrote: by its
  /// name, and because it is no file.
  void check_names(std::string_view hint = kElsewhere) const;
  /// The same, and where a training's file has changed since. Reads all of them.
  void check(std::string_view hint = kElsewhere) const;

 private:
  void read();
  std::vector<std::string> names_there() const;
  [[noreturn]] void refuse_foreign(const std::string& name, std::string_view hint) const;

  std::filesystem::path out_;
  const TrainingCheckpoints& checkpoints_;
  std::string identity_;
  FileHashes files_;      ///< of trainings, there or not
  FileHashes announced_;  ///< those that this call or an earlier one was about to put there
};

}  // namespace paceline
