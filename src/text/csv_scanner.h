#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "text/byte_reader.h"

namespace paceline {

struct CsvLimits {
  std::size_t max_record_bytes = 0;
  std::size_t max_fields = 0;
};

/// One record as it stands in the file.
struct CsvRecord {
  uint64_t line = 0;                ///< where it begins, from 1
  std::vector<std::string> fields;  ///< the first max_fields, unquoted, not checked for UTF-8
  std::size_t field_count = 0;      ///< in the record
  bool too_long = false;            ///< the rest of it was skipped
  std::string problem;              ///< empty, or what RFC 4180 does not allow
};

/// Cuts bytes into records by RFC 4180: fields between commas, in quotes where they hold commas, quotes (doubled) or
/// line ends. Lines end with LF or CRLF; a quote inside an unquoted field stands for itself, as spreadsheets write it.
class CsvScanner {
 public:
  explicit CsvScanner(ByteReader& bytes) : bytes_(bytes) {}

  /// False at the end.
  bool next(CsvRecord& record, const CsvLimits& limits);

 private:
  enum class FieldEnd { kComma, kRecord };

  FieldEnd read_field(CsvRecord& record, const CsvLimits& limits);
  void read_quoted(CsvRecord& record, const CsvLimits& limits);
  bool at_record_end(int byte);
  void append(int byte, CsvRecord& record, const CsvLimits& limits);

  ByteReader& bytes_;
  uint64_t line_ = 1;             ///< of the next byte
  std::size_t record_bytes_ = 0;  ///< kept of this record so far
};

}  // namespace paceline
