#include "rows/row_reader.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "paceline/error.h"
#include "rows/row_format.h"
#include "rows/row_readers.h"
#include "rows/text_content.h"
#include "words/counted.h"
#include "words/utf8.h"

namespace paceline {
namespace {

bool is_empty(const Text& text) { return text.first.empty() && (!text.second || text.second->empty()); }

/// What Windows saves as "ANSI" is the usual one.
std::string_view iconv_hint(std::string_view encoding) {
  return encoding == "UTF-8" ? "Convert the file, for example with iconv -f WINDOWS-1252 -t UTF-8 IN > OUT"
                             : "Convert the file, for example with iconv";
}

/// Other rows, with something done to them.
class WrappedRows : public RowReader {
 public:
  explicit WrappedRows(std::unique_ptr<RowReader> rows) : rows_(std::move(rows)) {}

  RowFormat format() const final { return rows_->format(); }
  const std::vector<std::string>& columns() const final { return rows_->columns(); }
  char delimiter() const final { return rows_->delimiter(); }
  CsvStyle csv_style() const final { return rows_->csv_style(); }
  std::vector<std::string> notes() const final { return rows_->notes(); }
  std::string damage() const override { return rows_->damage(); }
  uint64_t bytes_read() const final { return rows_->bytes_read(); }
  uint64_t bytes_total() const final { return rows_->bytes_total(); }

 protected:
  RowReader& rows() { return *rows_; }

 private:
  std::unique_ptr<RowReader> rows_;
};

/// Rows for a model without special tokens.
class FilledRows : public WrappedRows {
 public:
  using WrappedRows::WrappedRows;

  bool next(Row& row) override {
    if (!rows().next(row)) return false;
    ++count_;
    if (row.error.empty() && is_empty(row.text)) {
      row.error = fmt::format("[row {}] an empty text, expected a character: this model has no token for it.", count_);
      row.text = {};
      row.fault = RowFault::kNoToken;
    }
    return true;
  }

 private:
  uint64_t count_ = 0;
};

/// Rows whose labels are wanted.
class LabelledRows : public WrappedRows {
 public:
  LabelledRows(std::unique_ptr<RowReader> rows, bool blank_too) : WrappedRows(std::move(rows)), blank_too_(blank_too) {}

  bool next(Row& row) override {
    if (!rows().next(row)) return false;
    ++count_;
    if (row.error.empty() && lacks_label(row)) {
      row.error = fmt::format("[row {}] no label, expected one.", count_);
      row.text = {};
      row.fault = RowFault::kUnlabelled;
    }
    return true;
  }

 private:
  bool lacks_label(const Row& row) const {
    if (format() == RowFormat::kCsv) return blank_too_ && is_blank(row.label);
    if (row.label == "null") return true;
    // The value as JSON: most are known from their first two bytes.
    if (!blank_too_ || row.label.size() < 2 || row.label[0] != '"') return false;
    if (std::string_view(" \\\"").find(row.label[1]) == std::string_view::npos) return false;
    return is_blank(parse_json(row.label, "label").get<std::string>());
  }

  bool blank_too_;
  uint64_t count_ = 0;
};

/// Rows of packed data, which may be damaged somewhere: the rows before that are given, and one that says so.
class PackedRows : public WrappedRows {
 public:
  using WrappedRows::WrappedRows;

  bool next(Row& row) override {
    if (!damage_.empty()) return false;
    try {
      return count_row(rows().next(row));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCorruptData) throw;
      damage_ = fmt::format("{} Row {} and all behind it are lost.", error.what(), count_ + 1);
    }
    row = Row();
    row.fields.resize(columns().size());
    row.error = damage_;
    return true;
  }
  std::string damage() const override { return damage_; }

 private:
  bool count_row(bool there) {
    count_ += there ? 1 : 0;
    return there;
  }

  uint64_t count_ = 0;
  std::string damage_;
};

}  // namespace

std::string_view row_format_name(RowFormat format) { return name_of(format, kRowFormatNames); }

std::string_view delimiter_name(char delimiter) {
  switch (delimiter) {
    case ',':
      return "a comma";
    case ';':
      return "a semicolon";
    case '\t':
      return "a tab";
    case '|':
      return "a vertical bar";
    default:
      return "";
  }
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::string row_error(uint64_t line, std::string_view problem) { return fmt::format("[line {}] {}", line, problem); }

std::string too_long_error(uint64_t line, std::size_t max_row_bytes) {
  return row_error(line, fmt::format("longer than the {} bytes a row may have. Split the text.", max_row_bytes));
}

std::optional<TextFault> find_text_fault(std::string_view text, const ByteReader& from, std::string_view encoding) {
  const std::size_t invalid = find_invalid_utf8(text);
  if (invalid != std::string_view::npos) {
    return TextFault{invalid, fmt::format("is not {}. {}", encoding, iconv_hint(encoding))};
  }
  const std::size_t nul = from.holds_nul() ? text.find('\0') : std::string_view::npos;
  if (nul == std::string_view::npos) return std::nullopt;
  return TextFault{nul, "is a NUL, which no text has. Is the file text? Take NULs out, for example with tr -d '\\0'"};
}

std::string readable(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out = replace_invalid_utf8(text);
  for (std::size_t nul = out.find('\0'); nul != std::string::npos; nul = out.find('\0', nul)) {
    out.replace(nul, 1, kReplacement);
  }
  return out;
}

std::unique_ptr<RowReader> open_rows(std::unique_ptr<ByteSource> source, const std::filesystem::path& path,
                                     const RowReaderOptions& options) {
  const std::string name = path == "-" ? "standard input" : path.string();
  TextContent content = open_text_content(std::move(source), name, options.stop);
  RowInput input{
      .bytes = ByteReader(std::move(content.bytes)), .name = name, .options = options, .encoding = content.encoding};
  if (input.bytes.peek() == ByteReader::kEnd) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] empty, expected at least one text.", name));
  }
  ChosenFormat chosen = choose_row_format(path, name, options, input.bytes.preview());
  if (!chosen.note.empty()) input.notes.push_back(std::move(chosen.note));
  std::unique_ptr<RowReader> rows;
  switch (chosen.format) {
    case RowFormat::kCsv:
      rows = make_csv_reader(std::move(input), options.delimiter);
      break;
    case RowFormat::kTsv:
      rows = make_csv_reader(std::move(input), '\t');
      break;
    case RowFormat::kJsonl:
      rows = make_jsonl_reader(std::move(input));
      break;
    case RowFormat::kJson:
      rows = make_json_reader(std::move(input));
      break;
    case RowFormat::kTxt:
    case RowFormat::kAuto:  // chosen by now
      rows = make_txt_reader(std::move(input));
      break;
  }
  return content.packed ? std::make_unique<PackedRows>(std::move(rows)) : std::move(rows);
}

std::unique_ptr<RowReader> refuse_empty_rows(std::unique_ptr<RowReader> rows) {
  return std::make_unique<FilledRows>(std::move(rows));
}

std::unique_ptr<RowReader> refuse_unlabelled_rows(std::unique_ptr<RowReader> rows, bool blank_too) {
  return std::make_unique<LabelledRows>(std::move(rows), blank_too);
}

std::unique_ptr<RowReader> RowReader::open(const std::filesystem::path& path, const RowReaderOptions& options) {
  return open_rows(open_byte_source(path, options.stop), path, options);
}

void skip_empty_texts(TextSet& set) {
  const uint64_t empty = std::erase_if(set.texts, is_empty);
  if (empty == 0) return;
  set.skipped += empty;
  set.notes.push_back(
      fmt::format("{} left out: this model has no token for it", counted(static_cast<int64_t>(empty), "empty text")));
}

TextSet read_all_texts(const std::filesystem::path& path, const RowReaderOptions& options) {
  const std::unique_ptr<RowReader> reader = RowReader::open(path, options);
  TextSet set;
  set.format = reader->format();
  set.notes = reader->notes();
  std::string first;  // error
  for (Row row; reader->next(row);) {
    if (row.error.empty()) {
      set.texts.push_back(std::move(row.text));
    } else if (set.skipped++ == 0) {
      first = std::move(row.error);
    }
  }
  if (!reader->damage().empty()) throw Error(ErrorCode::kCorruptData, reader->damage());
  if (set.skipped > 0) {
    if (first.ends_with('.')) first.pop_back();
    set.notes.push_back(fmt::format("{} of {} rows of {} cannot be read and are left out. The first: {}", set.skipped,
                                    set.skipped + set.texts.size(), path.filename().string(), first));
  }
  return set;
}

}  // namespace paceline
