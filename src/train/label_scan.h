#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "rows/row_reader.h"

namespace paceline {

/// What a new head has to tell apart.
struct LabelScheme {
  ProblemType type = ProblemType::kSingleLabelClassification;
  std::vector<std::string> labels{};  ///< by name; where all are numbers, by number. One of a regression
  std::string reason{};               ///< what shows the type, a clause; empty: it was asked for
  std::string doubt{};                ///< why the labels may be those of another column, a sentence; empty: nothing
};

/// Reads from a label column what a new head has to learn.
///
/// - Lists of JSON, or fields with | in them: several labels a text. Lists of as many 0 and 1 (or true and false) each
///   say of every label whether the text has it; the labels are then called LABEL_0, LABEL_1, ...
/// - Numbers, not all of them whole: a regression.
/// - Anything else, whole numbers too: one label a text.
class LabelScan {
 public:
  /// `wanted` decides instead of the labels.
  explicit LabelScan(std::optional<ProblemType> wanted) : wanted_(wanted) {}

  /// A row without an error.
  void add(const Row& row, RowFormat format);
  /// Throws Error{corrupt_data} where there is nothing to tell apart, and where each of a hundred labels or more has
  /// one text only, unless the type was asked for; `file` opens the message.
  LabelScheme finish(const std::filesystem::path& file) const;

 private:
  void add_text(std::string_view text);
  void add_list(const Json& list);
  void add_name(std::string_view name);
  ProblemType type() const;
  void doubt_column(const std::filesystem::path& file, LabelScheme& scheme) const;

  std::optional<ProblemType> wanted_;
  std::set<std::string> names_;
  int64_t given_ = 0;  ///< labels of all rows
  int64_t rows_ = 0;   ///< with a label
  bool any_list_ = false;
  bool numbers_ = true;        ///< all are
  bool whole_numbers_ = true;  ///< all are
  bool indicators_ = true;     ///< all rows are lists of as many 0 and 1
  std::size_t indicator_size_ = 0;
};

}  // namespace paceline
