#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/staging_folder.h"
#include "checkpoint/checkpoint.h"
#include "train/finetune.h"
#include "train/label_scan.h"

namespace paceline {

/// What a training begins with: the model, its teacher, and which labels are learnt.
class TrainingStart {
 public:
  /// Opens the folders, and looks at what was asked for that needs no text. Throws what Checkpoint::open and
  /// check_rereadable throw, and Error{invalid_argument} for layers to freeze that the model has not or a length that
  /// it cannot read.
  explicit TrainingStart(const FinetuneOptions& options);

  /// Decides which labels are learnt: those of the head that is kept, the teacher's, or those of the train file. False
  /// where it was stopped. Throws Error{invalid_argument} where they contradict each other or what was asked for, and
  /// what scan_labels and check_label_weights throw.
  bool choose_labels(const FinetuneListener& listener, const std::stop_token& stop);

  /// Makes the model that is trained: one with a new head is written below `work`. Throws as check_weight for its
  /// weights and the teacher's.
  void make_student(StagingFolder& work, uint64_t seed);

  const Checkpoint& source() const { return source_; }
  const Checkpoint& student() const { return started_ ? *started_ : source_; }
  const std::optional<Checkpoint>& teacher() const { return teacher_; }
  const LabelScheme& scheme() const { return scheme_; }
  bool new_head() const { return new_head_; }
  /// The file that the labels were read from; empty: they are the model's or the teacher's.
  const std::filesystem::path& labels_from() const { return labels_from_; }

 private:
  bool find_scheme(const std::stop_token& stop);
  void check_type(const Checkpoint& labelled, std::string_view hint) const;

  const FinetuneOptions& options_;
  Checkpoint source_;
  std::optional<Checkpoint> teacher_;
  bool new_head_;
  LabelScheme scheme_;
  std::filesystem::path labels_from_;
  std::optional<Checkpoint> started_;  ///< with a new head
};

/// A folder below `work` for a model's files, which a signal finds.
std::filesystem::path make_model_folder(StagingFolder& work, const std::string& name);

}  // namespace paceline
