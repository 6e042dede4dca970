#include "rows/line_rows.h"

#include <fmt/format.h>

#include "words/suggest.h"

namespace paceline {

bool LineRows::next(Row& row) {
  row = Row();
  ByteReader::Line status = ByteReader::Line::kWhole;
  do {
    status = bytes().read_line(line_, options().max_row_bytes);
    if (status == ByteReader::Line::kEnd) return false;
    ++line_number_;
  } while (passes_over_blank() && (line_.empty() || line_.front() <= ' ') &&
           line_.find_first_not_of(" \t\r") == std::string::npos);
  if (status == ByteReader::Line::kTooLong) {
    row.raw = excerpt(line_, kTooLongExcerptBytes);
    row.error = too_long_error(line_number_, options().max_row_bytes);
    return true;
  }
  if (const auto fault = find_fault(line_)) {
    row.raw = readable(line_);
    row.error = row_error(line_number_, fmt::format("byte {} {}.", fault->at, fault->problem));
    return true;
  }
  row.raw = line_;
  parse(line_, line_number_, row);
  return true;
}

}  // namespace paceline
