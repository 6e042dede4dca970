#include "text/line_rows.h"

#include <fmt/format.h>

#include <utility>

#include "base/suggest.h"
#include "text/utf8.h"

namespace paceline {

LineRows::LineRows(RowInput input) : bytes_(std::move(input.bytes)), options_(std::move(input.options)) {}

bool LineRows::next(Row& row) {
  row = Row();
  const ByteReader::Line status = bytes_.read_line(line_, options_.max_row_bytes);
  if (status == ByteReader::Line::kEnd) return false;
  ++line_number_;
  if (status == ByteReader::Line::kTooLong) {
    row.raw = excerpt(line_, kTooLongExcerptBytes);
    row.error = too_long_error(line_number_, options_.max_row_bytes);
    return true;
  }
  const std::size_t invalid = find_invalid_utf8(line_);
  if (invalid != std::string::npos) {
    row.raw = replace_invalid_utf8(line_);
    row.error = not_utf8_error(line_number_, fmt::format("byte {}", invalid));
    return true;
  }
  row.raw = line_;
  parse(line_, line_number_, row);
  return true;
}

}  // namespace paceline
