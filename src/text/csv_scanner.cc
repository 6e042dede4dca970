#include "text/csv_scanner.h"

namespace paceline {

bool CsvScanner::next(CsvRecord& record, const CsvLimits& limits) {
  record = CsvRecord();
  record.line = line_;
  record_bytes_ = 0;
  if (bytes_.peek() == ByteReader::kEnd) return false;
  while (read_field(record, limits) == FieldEnd::kComma) {
  }
  return true;
}

void CsvScanner::append(int byte, CsvRecord& record, const CsvLimits& limits) {
  record.too_long = record.too_long || record_bytes_ == limits.max_record_bytes;
  if (record.too_long) return;
  ++record_bytes_;
  if (record.field_count <= limits.max_fields) record.fields.back().push_back(static_cast<char>(byte));
}

/// Takes the line end that `byte`, just taken, begins. A CR without LF is a character like any other.
bool CsvScanner::at_record_end(int byte) {
  if (byte == '\r' && bytes_.peek() == '\n') byte = bytes_.get();
  if (byte == '\n') ++line_;
  return byte == '\n' || byte == ByteReader::kEnd;
}

CsvScanner::FieldEnd CsvScanner::read_field(CsvRecord& record, const CsvLimits& limits) {
  if (++record.field_count <= limits.max_fields) record.fields.emplace_back();
  bool quoted = false;
  if (bytes_.peek() == '"') {
    bytes_.get();
    read_quoted(record, limits);
    quoted = true;
  }
  while (true) {
    const int byte = bytes_.get();
    if (byte == ',') return FieldEnd::kComma;
    if (at_record_end(byte)) return FieldEnd::kRecord;
    if (quoted && record.problem.empty()) record.problem = "text behind a closing quote, expected a comma";
    append(byte, record, limits);
  }
}

/// From behind the opening quote to behind the closing one.
void CsvScanner::read_quoted(CsvRecord& record, const CsvLimits& limits) {
  while (true) {
    const int byte = bytes_.get();
    if (byte == ByteReader::kEnd) {
      record.problem = "a quote that is never closed";
      return;
    }
    if (byte == '"') {
      if (bytes_.peek() != '"') return;
      bytes_.get();
    }
    if (byte == '\n') ++line_;
    append(byte, record, limits);
  }
}

}  // namespace paceline
