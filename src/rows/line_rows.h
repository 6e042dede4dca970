#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "rows/byte_rows.h"

namespace paceline {

/// The reader of a format in which a row is a line: finds the line and refuses what is too long or not UTF-8.
class LineRows : public ByteRows {
 public:
  explicit LineRows(RowInput input) : ByteRows(std::move(input)) {}

  bool next(Row& row) final;

 private:
  /// Whether a line without a character is no row.
  virtual bool passes_over_blank() const { return false; }
  /// Fills row.text from a line that is UTF-8, or row.error.
  virtual void parse(std::string_view line, uint64_t line_number, Row& row) const = 0;

  std::string line_;
  uint64_t line_number_ = 0;
};

}  // namespace paceline
