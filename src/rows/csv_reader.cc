#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "paceline/error.h"
#include "rows/byte_rows.h"
#include "rows/csv_scanner.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// A header of more fields is not a table of texts; the bound keeps what rows may make us allocate small.
constexpr std::size_t kMaxColumns = 10'000;

/// Columns that a message lists where the wanted one is missing.
constexpr std::size_t kListedColumns = 20;

/// What may separate fields where nobody says and a comma does not.
constexpr std::string_view kOtherDelimiters = ";\t|";

class CsvReader : public ByteRows {
 public:
  CsvReader(RowInput input, char delimiter) : ByteRows(std::move(input)) {
    choose_delimiter(delimiter);
    text_index_ = index_of(options().text_column.value_or(kDefaultTextColumn));
    if (!options().pair_column.empty()) pair_index_ = index_of(options().pair_column);
    if (!options().label_column.empty()) label_index_ = index_of(options().label_column);
  }
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  bool next(Row& row) override {
    row = Row();
    CsvRecord record;
    const CsvLimits limits{options().max_row_bytes, columns_.size(), columns_.size()};
    do {
      if (!scanner_.next(record, limits)) return false;
    } while (record.blank && columns_.size() > 1);
    row.error = problem_of(record);
    row.fields = std::move(record.fields);
    row.fields.resize(columns_.size());
    if (row.error.empty()) {
      row.text.first = row.fields[text_index_];
      if (pair_index_) row.text.second = row.fields[*pair_index_];
      if (label_index_) row.label = row.fields[*label_index_];
      return true;
    }
    for (std::string& field : row.fields) {
      field = record.too_long ? excerpt(field, kTooLongExcerptBytes) : readable(field);
    }
    return true;
  }

  RowFormat format() const override { return RowFormat::kCsv; }
  const std::vector<std::string>& columns() const override { return columns_; }
  char delimiter() const override { return delimiter_; }
  CsvStyle csv_style() const override { return style_; }

 private:
  [[noreturn]] void throw_header(std::string_view problem) const {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] the CSV header has {}. The first line must name the columns.", name(), problem));
  }

  CsvRecord read_header(char delimiter) {
    delimiter_ = delimiter;
    scanner_.set_delimiter(delimiter);
    CsvRecord record;
    while (scanner_.next(record, {.max_record_bytes = options().max_row_bytes, .max_fields = kMaxColumns}) &&
           record.blank) {
    }
    return record;
  }

  void use_header(CsvRecord record) {
    if (record.too_long) throw_header(fmt::format("more than {} bytes", options().max_row_bytes));
    if (record.field_count > kMaxColumns) {
      throw_header(fmt::format("{} columns, expected at most {}", record.field_count, kMaxColumns));
    }
    if (!record.problem.empty()) throw_header(record.problem);
    for (const std::string& field : record.fields) {
      if (const auto fault = find_fault(field)) throw_header("a name that " + fault->problem);
    }
    columns_ = std::move(record.fields);
    style_ = {.byte_order_mark = bytes().has_mark(), .crlf = bytes().since_mark().ends_with("\r\n")};
  }

  /// Whether the header names every column that is asked for.
  bool has_columns(const CsvRecord& header) const {
    const auto has = [&](const std::string& column) {
      return std::find(header.fields.begin(), header.fields.end(), column) != header.fields.end();
    };
    return has(options().text_column.value_or(kDefaultTextColumn)) &&
           (options().pair_column.empty() || has(options().pair_column));
  }

  /// Reads the header with the delimiter that is given, or that the first line names as spreadsheets do ("sep=;"), or
  /// with which alone the header has the columns that are asked for; a comma comes first.
  void choose_delimiter(char given) {
    if (given == '\0') given = take_separator_line();
    CsvRecord header = read_header(given == '\0' ? ',' : given);
    if (given != '\0' || has_columns(header) || header.too_long) return use_header(header);
    std::string possible;
    std::size_t most = 1;  // columns
    char of_most = '\0';
    for (const char other : kOtherDelimiters) {
      scanner_.go_back(header);
      const CsvRecord tried = read_header(other);
      if (has_columns(tried)) possible += other;
      if (tried.fields.size() <= most) continue;
      most = tried.fields.size();
      of_most = other;
    }
    const bool is_another_table = possible.size() != 1 && header.fields.size() == 1 && of_most != '\0';
    scanner_.go_back(header);
    use_header(read_header(possible.size() == 1 ? possible.front() : is_another_table ? of_most : ','));
    if (is_another_table) throw_no_column(missing_column(), of_most);
    if (possible.size() != 1) return;
    add_note(
        fmt::format("[{}] has {} between its fields, not a comma: only so its header has the column \"{}\". "
                    "--delimiter overrides this",
                    name(), delimiter_name(delimiter_), excerpt(options().text_column.value_or(kDefaultTextColumn))));
  }

  /// The delimiter of a first line such as "sep=;", which is no header; 0 where there is none.
  char take_separator_line() {
    constexpr std::string_view kMark = "sep=";
    const std::string_view start = bytes().preview();
    const std::string_view line = start.substr(0, start.find('\n'));
    const std::string_view value = line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0));
    if (line.size() == start.size() || value.size() != kMark.size() + 1 || !value.starts_with(kMark)) return '\0';
    const char delimiter = value.back();
    if (delimiter_name(delimiter).empty()) return '\0';
    bytes().take(line.size() + 1);
    scanner_.skipped_line();
    return delimiter;
  }

  std::size_t index_of(const std::string& column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found == columns_.end()) throw_no_column(column);
    if (std::find(found + 1, columns_.end(), column) != columns_.end()) {
      throw_header(fmt::format("the column \"{}\" twice", excerpt(column)));
    }
    return static_cast<std::size_t>(found - columns_.begin());
  }

  std::string missing_column() const {
    const std::string text = options().text_column.value_or(kDefaultTextColumn);
    const bool has_text = std::find(columns_.begin(), columns_.end(), text) != columns_.end();
    return has_text && !options().pair_column.empty() ? options().pair_column : text;
  }

  /// `likely` is the delimiter that was meant, 0 where that is not known.
  [[noreturn]] void throw_no_column(const std::string& column, char likely = '\0') const {
    std::vector<std::string> known;
    for (const std::string& name : std::span(columns_).first(std::min(columns_.size(), kListedColumns))) {
      known.push_back(excerpt(name));
    }
    if (columns_.size() == 1) {
      const std::size_t at = columns_.front().find_first_of(kOtherDelimiters);
      if (at != std::string::npos) likely = columns_.front()[at];
    }
    const std::string other = likely == '\0' ? ""
                                             : fmt::format(
                                                   " A comma was expected between fields: is it {}? Then name it with "
                                                   "--delimiter, and the column of the texts "
                                                   "with --text-column.",
                                                   delimiter_name(likely));
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the CSV header has no column \"{}\". {}{}", name(),
                                                     excerpt(column), suggestion(column, known), other));
  }

  /// Row::error of a record.
  std::string problem_of(const CsvRecord& record) const {
    if (record.too_long) return too_long_error(record.line, options().max_row_bytes);
    if (!record.problem.empty()) {
      const std::string where = record.cut ? fmt::format(" Reading goes on with line {}.", record.line + 1) : "";
      return row_error(record.line, record.problem + ". Double the quotes inside a quoted field." + where);
    }
    if (record.field_count != columns_.size()) {
      return row_error(record.line, fmt::format("{} fields, expected {} as in the header. Put texts that hold {} in "
                                                "double quotes.",
                                                record.field_count, columns_.size(), delimiter_name(delimiter_)));
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (const auto fault = find_fault(record.fields[i])) {
        return row_error(record.line, fmt::format("column \"{}\" {}.", excerpt(columns_[i]), fault->problem));
      }
    }
    return "";
  }

  CsvScanner scanner_{bytes()};
  char delimiter_ = ',';
  CsvStyle style_;
  std::vector<std::string> columns_;
  std::size_t text_index_ = 0;
  std::optional<std::size_t> pair_index_;
  std::optional<std::size_t> label_index_;
};

}  // namespace

std::unique_ptr<RowReader> make_csv_reader(RowInput input, char delimiter) {
  return std::make_unique<CsvReader>(std::move(input), delimiter);
}

}  // namespace paceline
