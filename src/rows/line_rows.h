#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rows/row_readers.h"

namespace paceline {

/// The reader of a format in which a row is a line: finds the line and refuses what is too long or not UTF-8.
class LineRows : public RowReader {
 public:
  explicit LineRows(RowInput input);

  bool next(Row& row) final;
  const std::vector<std::string>& columns() const final { return columns_; }
  uint64_t bytes_read() const final { return bytes_.bytes_read(); }
  uint64_t bytes_total() const final { return bytes_.bytes_total(); }

 protected:
  const RowReaderOptions& options() const { return options_; }

 private:
  /// Whether a line without a character is no row.
  virtual bool passes_over_blank() const { return false; }
  /// Fills row.text from a line that is UTF-8, or row.error.
  virtual void parse(std::string_view line, uint64_t line_number, Row& row) const = 0;

  ByteReader bytes_;
  std::string_view encoding_;
  RowReaderOptions options_;
  std::vector<std::string> columns_;
  std::string line_;
  uint64_t line_number_ = 0;
};

}  // namespace paceline
