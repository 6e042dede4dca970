#include "text/row_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "paceline/error.h"
#include "text/row_readers.h"

namespace paceline {
namespace {

/// By the file's ending, in either case; kAuto where it says nothing.
RowFormat format_of_ending(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (ending == ".txt") return RowFormat::kTxt;
  if (ending == ".csv") return RowFormat::kCsv;
  if (ending == ".jsonl" || ending == ".ndjson") return RowFormat::kJsonl;
  return RowFormat::kAuto;
}

RowFormat format_of_content(std::string_view start) {
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && start[first] == '{' ? RowFormat::kJsonl : RowFormat::kTxt;
}

void check_columns(const std::string& name, const RowReaderOptions& options, RowFormat format) {
  if (format == RowFormat::kTxt && !options.pair_column.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] read as txt, which has no column \"{}\" for the second text. Use CSV or JSONL for "
                            "pairs.",
                            name, options.pair_column));
  }
  if (format != RowFormat::kTxt && options.text_column.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] no name was given for the column of the texts, expected one.", name));
  }
}

bool is_empty(const Text& text) { return text.first.empty() && (!text.second || text.second->empty()); }

/// Rows for a model without special tokens.
class FilledRows : public RowReader {
 public:
  explicit FilledRows(std::unique_ptr<RowReader> rows) : rows_(std::move(rows)) {}

  bool next(Row& row) override {
    if (!rows_->next(row)) return false;
    ++count_;
    if (row.error.empty() && is_empty(row.text)) {
      row.error = fmt::format("[row {}] an empty text, expected a character: this model has no token for it.", count_);
      row.text = {};
    }
    return true;
  }
  RowFormat format() const override { return rows_->format(); }
  const std::vector<std::string>& columns() const override { return rows_->columns(); }
  uint64_t bytes_read() const override { return rows_->bytes_read(); }
  uint64_t bytes_total() const override { return rows_->bytes_total(); }

 private:
  std::unique_ptr<RowReader> rows_;
  uint64_t count_ = 0;
};

}  // namespace

std::string_view row_format_name(RowFormat format) {
  switch (format) {
    case RowFormat::kAuto:
      return "auto";
    case RowFormat::kTxt:
      return "txt";
    case RowFormat::kCsv:
      return "csv";
    case RowFormat::kJsonl:
      return "jsonl";
  }
  return "";
}

std::string row_error(uint64_t line, std::string_view problem) { return fmt::format("[line {}] {}", line, problem); }

std::string too_long_error(uint64_t line, std::size_t max_row_bytes) {
  return row_error(line, fmt::format("longer than the {} bytes a row may have. Split the text.", max_row_bytes));
}

std::string not_utf8_error(uint64_t line, std::string_view part) {
  return row_error(line, fmt::format("{} is not UTF-8. Convert the file, for example with iconv.", part));
}

std::unique_ptr<RowReader> open_rows(std::unique_ptr<ByteSource> source, const std::filesystem::path& path,
                                     const RowReaderOptions& options) {
  RowInput input{.bytes = ByteReader(std::move(source)),
                 .name = path == "-" ? "standard input" : path.string(),
                 .options = options};
  if (input.bytes.peek() == ByteReader::kEnd) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] empty, expected at least one text.", input.name));
  }
  RowFormat format = options.format;
  if (format == RowFormat::kAuto) format = format_of_ending(path);
  if (format == RowFormat::kAuto) format = format_of_content(input.bytes.preview());
  check_columns(input.name, options, format);
  switch (format) {
    case RowFormat::kCsv:
      return make_csv_reader(std::move(input));
    case RowFormat::kJsonl:
      return make_jsonl_reader(std::move(input));
    default:
      return make_txt_reader(std::move(input));
  }
}

std::unique_ptr<RowReader> refuse_empty_rows(std::unique_ptr<RowReader> rows) {
  return std::make_unique<FilledRows>(std::move(rows));
}

void skip_empty_texts(TextSet& set) { set.skipped += std::erase_if(set.texts, is_empty); }

std::unique_ptr<RowReader> RowReader::open(const std::filesystem::path& path, const RowReaderOptions& options) {
  return open_rows(open_byte_source(path, options.go_on), path, options);
}

TextSet read_all_texts(const std::filesystem::path& path, const RowReaderOptions& options) {
  const std::unique_ptr<RowReader> reader = RowReader::open(path, options);
  TextSet set;
  for (Row row; reader->next(row);) {
    if (row.error.empty()) {
      set.texts.push_back(std::move(row.text));
    } else {
      ++set.skipped;
    }
  }
  return set;
}

}  // namespace paceline
