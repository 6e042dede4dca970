#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rows/byte_reader.h"

namespace paceline {

struct CsvLimits {
  std::size_t max_record_bytes = 0;
  std::size_t max_fields = 0;       ///< that are kept
  std::size_t expected_fields = 0;  ///< 0: any number
};

/// One record as it stands in the file.
struct CsvRecord {
  uint64_t line = 0;                ///< where it begins, from 1
  std::vector<std::string> fields;  ///< the first max_fields, unquoted, not checked for UTF-8
  std::size_t field_count = 0;      ///< in the record
  bool blank = false;               ///< a line without a character
  bool too_long = false;            ///< a line that is; the rest of it was skipped
  bool cut = false;                 ///< see CsvScanner: only the first line of what began here
  std::string problem;              ///< empty, or what RFC 4180 does not allow
};

/// Cuts bytes into records by RFC 4180: fields between delimiters, in quotes where they hold delimiters, quotes
/// (doubled) or line ends. Lines end with LF or CRLF; a quote inside an unquoted field stands for itself, as
/// spreadsheets write it.
///
/// A stray quote opens a field that may swallow every line behind it. So a record over several lines in which something
/// is wrong (its quote is not closed within the limit or before the end, text follows the closing one, it has another
/// number of fields) is cut: its first line is a record with that problem, and the next one begins behind that line.
///
/// With tabs between fields quotes may mean nothing, as in the files of GLUE. There a line on which quotes would be
/// wrong is a record whose quotes are characters, and so is each of several lines that are records without them.
class CsvScanner {
 public:
  explicit CsvScanner(ByteReader& bytes) : bytes_(bytes) { set_delimiter(','); }

  /// False at the end.
  bool next(CsvRecord& record, const CsvLimits& limits);

  void set_delimiter(char delimiter);
  /// Before the first record: a line that was read elsewhere.
  void skipped_line() { ++line_; }
  /// The record that next() gave last comes again.
  void go_back(const CsvRecord& record) {
    bytes_.rewind();
    line_ = record.line;
  }

 private:
  enum class FieldEnd { kDelimiter, kRecord };

  /// What a quote is.
  enum class Quotes { kOverLines, kWithinLine, kCharacters };

  void scan(CsvRecord& record, const CsvLimits& limits, Quotes quotes);
  /// The first line of a record that next() has read.
  void scan_again(CsvRecord& record, const CsvLimits& limits, Quotes quotes);
  bool lines_are_records(const CsvLimits& limits) const;
  FieldEnd read_field(CsvRecord& record, const CsvLimits& limits);
  FieldEnd read_plain(CsvRecord& record, const CsvLimits& limits, bool quoted);
  bool read_quoted(CsvRecord& record, const CsvLimits& limits);
  bool at_record_end(int byte);
  void note_text_behind_quote(CsvRecord& record) const;
  bool exceeds(CsvRecord& record, const CsvLimits& limits);
  std::string problem_over_lines(const CsvRecord& record, const CsvLimits& limits) const;

  ByteReader& bytes_;
  char delimiter_ = ',';
  std::array<bool, 256> stops_{};  ///< the bytes that may end an unquoted field
  uint64_t line_ = 1;              ///< of the next byte
  Quotes quotes_ = Quotes::kOverLines;
  bool over_lines_ = false;  ///< the record holds a line end
};

}  // namespace paceline
