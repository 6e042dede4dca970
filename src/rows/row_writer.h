#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "answer/answer.h"
#include "rows/row_reader.h"

namespace paceline {

/// Which rows say how many tokens were cut off their texts.
enum class TellsCut {
  kNone,
  kWhereCut,  ///< those that were cut (CSV: a column has every row), but in txt none: its columns are fixed
  kAll,
};

/// How the answers are written beside the input's rows.
struct RowWriterOptions {
  RowFormat format = RowFormat::kTxt;  ///< the reader's, never kAuto
  std::vector<std::string> columns{};  ///< CSV: the input's header
  char delimiter = ',';                ///< CSV: the input's
  CsvStyle csv_style{};                ///< CSV: the input's
  std::vector<std::string> labels{};   ///< [K]
  int32_t top_k = 1;                   ///< how many labels a row gets at most, best first; 0: all
  bool all_labels = false;             ///< every label, whatever top_k is
  bool raw_logits = false;             ///< the logits too
  bool windows = false;                ///< each row says in how many windows its text was read
  TellsCut truncated = TellsCut::kNone;
  std::string output_prefix{};  ///< stands before the name of each new field
};

/// One row of the input and its answer as a line of output, in the input's format. Text in, text out: no file here.
///
/// | format | a row                                            | its fields with top_k > 1    | with all_labels       |
/// |--------|--------------------------------------------------|------------------------------|-----------------------|
/// | txt    | label (printable) TAB score                      | TAB label TAB score for each | like top_k = K        |
/// | JSONL  | the object, byte for byte, plus label, score     | labels: [{label, score}]     | like top_k = K        |
/// | CSV    | the fields plus label, score, error              | label_2, score_2, ...        | score_NAME per label  |
///
/// raw_logits adds, with the nine digits that tell every float apart: txt a TAB and a number per label, JSONL logits,
/// CSV logit_NAME per label. truncated and windows add a number: JSONL and CSV under that name, txt as the last
/// columns. kNoLabel is an empty label (JSONL: null, or no entry in labels). A row with an error keeps its place: txt
/// has it as third column behind an empty label and score, JSONL as field error (beside raw, the line as a string,
/// where that is no JSON object), CSV in the column error.
class RowWriter {
 public:
  /// Throws Error{invalid_argument} where a CSV column of the input has the name of a new field, and for a prefix where
  /// the format has no names.
  static std::unique_ptr<RowWriter> make(const RowWriterOptions& options);

  /// Throws Error{invalid_argument} where a row already has a field of the name of a new one.
  virtual void check(const Row& row) const = 0;
  /// What stands before the first row.
  virtual void append_header(std::string& out) const = 0;
  virtual void append(const Row& row, const Answer& answer, std::string& out) const = 0;
  virtual void append_error(const Row& row, std::string_view error, std::string& out) const = 0;
  virtual ~RowWriter() = default;
};

}  // namespace paceline
