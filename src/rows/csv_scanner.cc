#include "rows/csv_scanner.h"

#include <fmt/format.h>

#include <algorithm>

namespace paceline {
namespace {

void append(std::string_view part, CsvRecord& record, const CsvLimits& limits) {
  if (record.field_count <= limits.max_fields) record.fields.back().append(part);
}

bool has_other_field_count(const CsvRecord& record, const CsvLimits& limits) {
  return limits.expected_fields != 0 && record.field_count != limits.expected_fields;
}

}  // namespace

void CsvScanner::set_delimiter(char delimiter) {
  delimiter_ = delimiter;
  stops_.fill(false);
  for (const char stop : {delimiter, '\n', '\r'}) stops_[static_cast<unsigned char>(stop)] = true;
}

bool CsvScanner::next(CsvRecord& record, const CsvLimits& limits) {
  record = CsvRecord();
  record.line = line_;
  if (bytes_.peek() == ByteReader::kEnd) return false;
  bytes_.mark();
  scan(record, limits, Quotes::kOverLines);
  const bool sound = !record.too_long && record.problem.empty() && !has_other_field_count(record, limits);
  if (delimiter_ == '\t') {
    const bool skipped = record.too_long && !over_lines_;
    if (skipped || (sound && !lines_are_records(limits))) return true;
    scan_again(record, limits, Quotes::kCharacters);
    return true;
  }
  if (sound || !over_lines_) return true;
  std::string problem = problem_over_lines(record, limits);
  scan_again(record, limits, Quotes::kWithinLine);
  record.problem = std::move(problem);
  record.cut = true;
  return true;
}

void CsvScanner::scan(CsvRecord& record, const CsvLimits& limits, Quotes quotes) {
  quotes_ = quotes;
  over_lines_ = false;
  while (read_field(record, limits) == FieldEnd::kDelimiter) {
  }
}

void CsvScanner::scan_again(CsvRecord& record, const CsvLimits& limits, Quotes quotes) {
  go_back(record);
  record = CsvRecord();
  record.line = line_;
  scan(record, limits, quotes);
}

/// Whether the last record goes over several lines, each of which has the fields of one where quotes are characters.
bool CsvScanner::lines_are_records(const CsvLimits& limits) const {
  if (!over_lines_ || limits.expected_fields < 2) return false;
  std::string_view rest = bytes_.since_mark();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const auto delimiters = static_cast<std::size_t>(std::count(line.begin(), line.end(), delimiter_));
    if (delimiters + 1 != limits.expected_fields) return false;
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return true;
}

std::string CsvScanner::problem_over_lines(const CsvRecord& record, const CsvLimits& limits) const {
  if (record.too_long) return fmt::format("a quote that is not closed within {} bytes", limits.max_record_bytes);
  if (!record.problem.empty()) return record.problem;
  return fmt::format("a quoted field over several lines and {} fields, expected {} as in the header",
                     record.field_count, limits.expected_fields);
}

/// Takes the line end that `byte`, just taken, begins. A CR without LF is a character like any other.
bool CsvScanner::at_record_end(int byte) {
  if (byte == '\r' && bytes_.peek() == '\n') byte = bytes_.get();
  if (byte == '\n') ++line_;
  return byte == '\n' || byte == ByteReader::kEnd;
}

/// Where the record has become too long. One on a single line is then skipped to the line's end; one over several is
/// left where it is, to be cut.
bool CsvScanner::exceeds(CsvRecord& record, const CsvLimits& limits) {
  if (bytes_.since_mark().size() <= limits.max_record_bytes) return false;
  record.too_long = true;
  if (over_lines_) return true;
  bytes_.release();
  while (!at_record_end(bytes_.get())) {
    const std::string_view rest = bytes_.preview();
    bytes_.take(std::min(rest.find('\n'), rest.size()));
  }
  return true;
}

CsvScanner::FieldEnd CsvScanner::read_field(CsvRecord& record, const CsvLimits& limits) {
  if (++record.field_count <= limits.max_fields) record.fields.emplace_back();
  if (over_lines_ && limits.expected_fields != 0 && record.field_count > limits.expected_fields) {
    return FieldEnd::kRecord;
  }
  if (quotes_ == Quotes::kCharacters || bytes_.peek() != '"') return read_plain(record, limits, false);
  bytes_.get();
  const bool closed = read_quoted(record, limits);
  return record.too_long ? FieldEnd::kRecord : read_plain(record, limits, closed);
}

void CsvScanner::note_text_behind_quote(CsvRecord& record) const {
  if (!record.problem.empty()) return;
  record.problem = fmt::format("text behind a closing quote on line {}, expected a delimiter", line_);
}

/// To the end of the field, from its start or, where it was `quoted`, from behind the closing quote.
CsvScanner::FieldEnd CsvScanner::read_plain(CsvRecord& record, const CsvLimits& limits, bool quoted) {
  const bool first = !quoted && record.field_count == 1 && bytes_.since_mark().empty();
  while (true) {
    const std::string_view rest = bytes_.preview();
    std::size_t length = 0;
    while (length < rest.size() && !stops_[static_cast<unsigned char>(rest[length])]) ++length;
    append(rest.substr(0, length), record, limits);
    const bool within = length < rest.size();
    if (quoted && length > 0) note_text_behind_quote(record);
    bytes_.take(length);
    if (exceeds(record, limits)) return FieldEnd::kRecord;
    if (within || rest.empty()) {
      const int byte = bytes_.get();
      if (byte == static_cast<unsigned char>(delimiter_)) return FieldEnd::kDelimiter;
      const bool blank = first && bytes_.since_mark().size() <= 1;
      if (at_record_end(byte)) {
        record.blank = blank;
        return FieldEnd::kRecord;
      }
      if (quoted) note_text_behind_quote(record);
      append("\r", record, limits);
    }
  }
}

/// From behind the opening quote to behind the closing one; false where there is none.
bool CsvScanner::read_quoted(CsvRecord& record, const CsvLimits& limits) {
  while (true) {
    const std::string_view rest = bytes_.preview();
    if (rest.empty()) {
      record.problem = "a quote that is never closed";
      return false;
    }
    std::size_t length =
        std::min(quotes_ == Quotes::kWithinLine ? rest.find_first_of("\"\n") : rest.find('"'), rest.size());
    const bool at_line_end = length < rest.size() && rest[length] == '\n';
    if (at_line_end && length > 0 && rest[length - 1] == '\r') --length;
    const std::string_view part = rest.substr(0, length);
    const auto lines = static_cast<uint64_t>(std::count(part.begin(), part.end(), '\n'));
    line_ += lines;
    over_lines_ = over_lines_ || lines > 0;
    append(part, record, limits);
    bytes_.take(length);
    if (exceeds(record, limits)) return false;
    if (at_line_end) return false;
    if (length == rest.size()) continue;
    bytes_.get();
    if (bytes_.peek() != '"') return true;
    bytes_.get();
    append("\"", record, limits);
  }
}

}  // namespace paceline
