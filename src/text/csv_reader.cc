#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/suggest.h"
#include "paceline/error.h"
#include "text/csv_scanner.h"
#include "text/row_readers.h"
#include "text/utf8.h"

namespace paceline {
namespace {

/// A header of more fields is not a table of texts; the bound keeps what rows may make us allocate small.
constexpr std::size_t kMaxColumns = 10'000;

/// Columns that a message lists where the wanted one is missing.
constexpr std::size_t kListedColumns = 20;

class CsvReader : public RowReader {
 public:
  explicit CsvReader(RowInput input)
      : bytes_(std::move(input.bytes)), name_(std::move(input.name)), options_(std::move(input.options)) {
    read_header();
    text_index_ = index_of(options_.text_column);
    if (!options_.pair_column.empty()) pair_index_ = index_of(options_.pair_column);
  }
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  bool next(Row& row) override {
    row = Row();
    CsvRecord record;
    if (!scanner_.next(record, {.max_record_bytes = options_.max_row_bytes, .max_fields = columns_.size()})) {
      return false;
    }
    row.error = problem_of(record);
    row.fields = std::move(record.fields);
    row.fields.resize(columns_.size());
    if (row.error.empty()) {
      row.text.first = row.fields[text_index_];
      if (pair_index_) row.text.second = row.fields[*pair_index_];
      return true;
    }
    for (std::string& field : row.fields) {
      field = record.too_long ? excerpt(field, kTooLongExcerptBytes) : replace_invalid_utf8(field);
    }
    return true;
  }

  RowFormat format() const override { return RowFormat::kCsv; }
  const std::vector<std::string>& columns() const override { return columns_; }
  uint64_t bytes_read() const override { return bytes_.bytes_read(); }
  uint64_t bytes_total() const override { return bytes_.bytes_total(); }

 private:
  [[noreturn]] void throw_header(std::string_view problem) const {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] the CSV header has {}. The first line must name the columns.", name_, problem));
  }

  void read_header() {
    CsvRecord record;
    scanner_.next(record, {.max_record_bytes = options_.max_row_bytes, .max_fields = kMaxColumns});
    if (record.too_long) throw_header(fmt::format("more than {} bytes", options_.max_row_bytes));
    if (record.field_count > kMaxColumns) {
      throw_header(fmt::format("{} columns, expected at most {}", record.field_count, kMaxColumns));
    }
    if (!record.problem.empty()) throw_header(record.problem);
    for (const std::string& field : record.fields) {
      if (find_invalid_utf8(field) != std::string::npos) throw_header("a name that is not UTF-8");
    }
    columns_ = std::move(record.fields);
  }

  std::size_t index_of(const std::string& column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found == columns_.end()) {
      std::vector<std::string> known;
      for (const std::string& name : std::span(columns_).first(std::min(columns_.size(), kListedColumns))) {
        known.push_back(excerpt(name));
      }
      throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the CSV header has no column \"{}\". {}", name_,
                                                       excerpt(column), suggestion(column, known)));
    }
    if (std::find(found + 1, columns_.end(), column) != columns_.end()) {
      throw_header(fmt::format("the column \"{}\" twice", excerpt(column)));
    }
    return static_cast<std::size_t>(found - columns_.begin());
  }

  /// Row::error of a record.
  std::string problem_of(const CsvRecord& record) const {
    if (record.too_long) return too_long_error(record.line, options_.max_row_bytes);
    if (!record.problem.empty())
      return row_error(record.line, record.problem + ". Double the quotes inside a quoted field.");
    if (record.field_count != columns_.size()) {
      return row_error(record.line, fmt::format("{} fields, expected {} as in the header. Put texts with commas in "
                                                "double quotes.",
                                                record.field_count, columns_.size()));
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (find_invalid_utf8(record.fields[i]) != std::string::npos) {
        return not_utf8_error(record.line, fmt::format("column \"{}\"", excerpt(columns_[i])));
      }
    }
    return "";
  }

  ByteReader bytes_;
  std::string name_;
  RowReaderOptions options_;
  CsvScanner scanner_{bytes_};
  std::vector<std::string> columns_;
  std::size_t text_index_ = 0;
  std::optional<std::size_t> pair_index_;
};

}  // namespace

std::unique_ptr<RowReader> make_csv_reader(RowInput input) { return std::make_unique<CsvReader>(std::move(input)); }

}  // namespace paceline
