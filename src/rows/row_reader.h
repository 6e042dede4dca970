#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_names.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// kTsv and kJson are ways to read: their rows are those of kCsv and kJsonl, and are written so.
enum class RowFormat { kAuto, kTxt, kCsv, kTsv, kJsonl, kJson };

/// As flags and messages name them.
inline constexpr EnumNames<RowFormat, 6> kRowFormatNames{{{RowFormat::kAuto, "auto"},
                                                          {RowFormat::kTxt, "txt"},
                                                          {RowFormat::kCsv, "csv"},
                                                          {RowFormat::kTsv, "tsv"},
                                                          {RowFormat::kJsonl, "jsonl"},
                                                          {RowFormat::kJson, "json"}}};

std::string_view row_format_name(RowFormat format);

/// "a comma", ... for what may stand between the fields of CSV: , ; | and the tab. Empty for anything else.
std::string_view delimiter_name(char delimiter);

inline constexpr const char* kDefaultTextColumn = "text";

/// Whether there is nothing but blanks, tabs and line ends.
bool is_blank(std::string_view text);

struct RowReaderOptions {
  RowFormat format = RowFormat::kAuto;       ///< kAuto: by the file's ending, else by its first bytes
  std::optional<std::string> text_column{};  ///< CSV and JSON; empty: kDefaultTextColumn
  std::string pair_column = "";              ///< empty: no pairs
  std::string label_column = "";             ///< what is expected of the text; CSV and JSON; empty: nothing is known
  char delimiter = '\0';  ///< between the fields of CSV; 0: a comma, unless the header says otherwise
  std::size_t max_row_bytes = std::size_t{64} << 20;
  std::stop_token stop{};  ///< once it is asked for, the rows end; also while a pipe is waited for
};

/// Why a row has no answer: in a word, beside its sentence.
enum class RowFault {
  kUnreadable,  ///< as CSV or JSON or UTF-8, or without a field that was asked for
  kNoToken,     ///< an empty text, for a model that has no token for it
  kUnlabelled,  ///< a text of which nothing is known
  kRefused,     ///< a text that the tokenizer or the model refuses
  kNotANumber   ///< what the model gave
};

/// One row of the input. `error` is empty, or says in a sentence why the row cannot be classified: not UTF-8, too long,
/// no JSON object, no such key, a value that is no string, ragged CSV. Nothing in a row holds invalid UTF-8.
struct Row {
  Text text;        ///< empty where there is an error
  std::string raw;  ///< txt, JSONL: the line; U+FFFD for invalid UTF-8, the start of one that is too long
  std::vector<std::string> fields;  ///< CSV: as many as columns, missing ones empty, those beyond dropped
  std::string label;                ///< of label_column: CSV the field, JSON the value as JSON
  std::string error;
  RowFault fault = RowFault::kUnreadable;  ///< of `error`
};

/// How a CSV was saved, which spreadsheets look at.
struct CsvStyle {
  bool byte_order_mark = false;  ///< of UTF-8
  bool crlf = false;             ///< at the end of the header
};

/// Rows of a txt (one text a line, empty lines too), CSV (RFC 4180, header line), TSV, JSONL file or a JSON array, one
/// at a time in bounded memory. A final line without a newline counts; CRLF is a line end, and CR where the file has no
/// other; blank lines of JSONL and of a CSV of several columns are passed over. Gzip and zstd are unpacked and UTF-16
/// with a byte order mark is decoded while reading. docs/text_files.md has the whole of it.
class RowReader {
 public:
  /// `path` "-" is standard input. Throws Error: not_found; corrupt_data for an empty file or a CSV without the named
  /// column (the message lists the columns there are); unsupported for a file that is no text (Parquet, a workbook, an
  /// archive, ...); invalid_argument for a folder, or an option that the format does not have.
  static std::unique_ptr<RowReader> open(const std::filesystem::path& path, const RowReaderOptions& options);

  /// False at the end. A bad row is returned with its error; only what ends the reading is thrown.
  virtual bool next(Row& row) = 0;
  virtual RowFormat format() const = 0;                         ///< what rows are written as: kTxt, kCsv or kJsonl
  virtual const std::vector<std::string>& columns() const = 0;  ///< CSV header; else empty
  virtual char delimiter() const { return ','; }                ///< CSV
  virtual CsvStyle csv_style() const { return {}; }             ///< CSV
  virtual std::vector<std::string> notes() const {
    return {};
  }  ///< what was guessed and should be known, a clause each
  /// At the end: why packed data could not be read to theirs, or empty. The last row says so too.
  virtual std::string damage() const { return ""; }
  virtual uint64_t bytes_read() const = 0;
  virtual uint64_t bytes_total() const = 0;  ///< 0 where unknown (a pipe)
  virtual ~RowReader() = default;
};

/// The same rows, where one without a character in its texts has an error: for models without special tokens, which
/// have no token for it.
std::unique_ptr<RowReader> refuse_empty_rows(std::unique_ptr<RowReader> rows);

/// The same rows, where one without a label has an error: JSON's null, and where `blank_too` also a field or a string
/// of blanks. For rows that were opened with a label_column.
std::unique_ptr<RowReader> refuse_unlabelled_rows(std::unique_ptr<RowReader> rows, bool blank_too);

/// Every usable text of a file, for bench and verify. Rows with an error are counted, not returned. Throws what open
/// throws, and corrupt_data for packed data that cannot be read to their end.
struct TextSet {
  std::vector<Text> texts;
  RowFormat format = RowFormat::kTxt;  ///< the reader's
  uint64_t skipped = 0;
  std::vector<std::string> notes{};  ///< the reader's
};
TextSet read_all_texts(const std::filesystem::path& path, const RowReaderOptions& options);

/// Texts without a character count as skipped: see refuse_empty_rows.
void skip_empty_texts(TextSet& set);

}  // namespace paceline
