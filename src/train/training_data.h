#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "evaluate/expected_labels.h"
#include "results/training.h"
#include "rows/row_reader.h"
#include "tokenize/tokenizer.h"
#include "train/label_scan.h"
#include "train/length_tally.h"
#include "train/teacher.h"
#include "train/token_store.h"

namespace paceline {

/// A file of texts with labels, and how it is read.
struct LabelledFile {
  std::filesystem::path path;
  RowReaderOptions rows;  ///< with a label_column
};

/// Where a file is written as tokens, and what that needs.
struct TokenizingPlan {
  const Tokenizer& tokenizer;
  const TeacherReading* teacher = nullptr;  ///< of a model that runs the same texts; none: there is none
  ThreadPool& pool;
  std::filesystem::path place;  ///< of the store: TokenStoreWriter's
  std::stop_token stop{};
};

/// What a file became.
struct TokenizedTexts {
  std::optional<TokenStore> store{};  ///< always there once it was read
  TrainingSplit summary{};
  LengthRelation length_relation{};
  int64_t overlap = 0;        ///< texts that the file read before has, too
  std::string first_error{};  ///< why the first row that was skipped was
};

/// Throws Error{invalid_argument} for standard input and pipes: a training reads its files several times.
void check_rereadable(const std::filesystem::path& file);

/// What a new head has to tell apart, by the labels of the file. Throws what check_rereadable, RowReader::open and
/// LabelScan::finish throw. None where it was stopped.
std::optional<LabelScheme> scan_labels(const LabelledFile& file, std::optional<ProblemType> wanted,
                                       const std::stop_token& stop);

/// Of a regression: squared, and summed over a batch of a million texts, it is finite as fp32.
inline constexpr double kLargestValue = 1e15;

/// Reads the two files of a training, the one that it is evaluated on first.
class TrainingData {
 public:
  /// `labels_from`: the file whose labels the scheme has; empty: they are the model's.
  TrainingData(LabelScheme scheme, std::filesystem::path labels_from);

  /// Tokenizes a file. A row that cannot be read is left out, and so is a text without a character; both are counted,
  /// as are the texts that a file read before has, too. Throws Error{corrupt_data} that names the row for a label that
  /// is not in the scheme or a value beyond kLargestValue, or where no text is left; what TeacherReading::check throws.
  /// None where it was stopped.
  std::optional<TokenizedTexts> read(const LabelledFile& file, const TokenizingPlan& plan, Progress& progress);

  const LabelScheme& scheme() const { return scheme_; }
  /// Whether labels stand in the files as numbers; none before the first.
  std::optional<LabelForm> form() const { return labels_.form(); }

 private:
  class Split;
  Expected expected_of(const LabelledFile& file, const Row& row, RowFormat format, int64_t number);
  Expected read_label(const LabelledFile& file, const Row& row, RowFormat format, int64_t number);

  LabelScheme scheme_;
  std::filesystem::path labels_from_;
  ExpectedLabels labels_;
  std::unordered_set<uint64_t> seen_;  ///< hashes of the texts of the first file
  bool first_ = true;
};

/// What is notable about the data, a sentence each: rows and texts left out, labels with one text or none, the overlap.
std::vector<std::string> data_notes(const TokenizedTexts& train, const TokenizedTexts& eval, const LabelScheme& scheme);

}  // namespace paceline
