#include "rows/row_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// In lower case, with its dot.
std::string ending_of(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return ending;
}

bool is_any(std::string_view text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

/// Whether a JSON array of objects (of strings too, where `strings`) begins here: "[" and such an element.
bool opens_array(std::string_view start, bool strings) {
  const std::size_t bracket = start.find_first_not_of(kSpace);
  if (bracket == std::string_view::npos || start[bracket] != '[') return false;
  const std::size_t element = start.find_first_not_of(kSpace, bracket + 1);
  if (element == std::string_view::npos) return strings;
  return start[element] == '{' || (strings && start[element] == '"');
}

bool opens_object(std::string_view start) {
  const std::size_t first = start.find_first_not_of(kSpace);
  return first != std::string_view::npos && start[first] == '{';
}

RowFormat format_of_content(std::string_view start) {
  if (opens_array(start, true)) return RowFormat::kJson;
  return opens_object(start) ? RowFormat::kJsonl : RowFormat::kTxt;
}

/// kAuto where the ending says nothing.
RowFormat format_of_ending(std::string_view ending, std::string_view start) {
  if (ending == ".txt") return RowFormat::kTxt;
  if (ending == ".csv") return RowFormat::kCsv;
  if (is_any(ending, {".tsv", ".tab"})) return RowFormat::kTsv;
  // Whole arrays are saved under these names too.
  if (is_any(ending, {".jsonl", ".ndjson"})) return opens_array(start, false) ? RowFormat::kJson : RowFormat::kJsonl;
  if (ending == ".json") return opens_object(start) ? RowFormat::kJsonl : RowFormat::kJson;
  return RowFormat::kAuto;
}

RowFormat format_of(const std::filesystem::path& path, const RowReaderOptions& options, std::string_view start) {
  if (options.format != RowFormat::kAuto) return options.format;
  std::string ending = ending_of(path);
  if (is_any(ending, {".gz", ".gzip", ".zst", ".zstd"})) ending = ending_of(path.stem());
  const RowFormat format = format_of_ending(ending, start);
  // Who names a delimiter has a table, whatever it is called.
  if (options.delimiter != '\0' && is_any(row_format_name(format), {"auto", "txt", "tsv"})) return RowFormat::kCsv;
  return format == RowFormat::kAuto ? format_of_content(start) : format;
}

[[noreturn]] void refuse(const std::string& name, RowFormat format, std::string_view problem) {
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] is read as {}, {}", name, row_format_name(format), problem));
}

void check_columns(const std::string& name, const RowReaderOptions& options, RowFormat format) {
  const bool table = format != RowFormat::kTxt;
  if (!table && (options.text_column || !options.pair_column.empty())) {
    const bool pair = !options.pair_column.empty();
    refuse(name, format,
           fmt::format("which has no columns; --{}-column \"{}\" was given. Use CSV, TSV or JSON and name it with "
                       "--format, or leave the flag out.",
                       pair ? "pair" : "text", excerpt(pair ? options.pair_column : *options.text_column)));
  }
  if (table && options.text_column && options.text_column->empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] no name was given for the column of the texts, expected one.", name));
  }
}

void check_delimiter(const std::string& name, const RowReaderOptions& options, RowFormat format) {
  if (options.delimiter == '\0' || format == RowFormat::kCsv) return;
  if (format == RowFormat::kTsv && options.delimiter == '\t') return;
  refuse(name, format,
         fmt::format("which has {}; --delimiter named {}. Leave one of the two out.",
                     format == RowFormat::kTsv ? "a tab between its fields" : "no delimiter",
                     delimiter_name(options.delimiter)));
}

/// JSON in another layout would give an error for every line.
void check_json(const std::string& name, std::string_view start, RowFormat format) {
  const std::size_t first = start.find_first_not_of(kSpace);
  const bool empty = first == std::string_view::npos;
  const auto refuse_layout = [&](std::string_view found) {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] begins with {}, expected JSON as an array (\"[\") or as one object a line. Rewrite it, "
                    "for example with jq -c.",
                    name, found));
  };
  if (format == RowFormat::kJson && (empty || start[first] != '[')) {
    refuse_layout(empty ? "blanks" : fmt::format("\"{}\"", excerpt(start.substr(first, 1))));
  }
  if (format != RowFormat::kJsonl || empty || start[first] != '{') return;
  const std::string_view line = start.substr(first, start.find('\n', first) - first);
  if (line.size() < start.size() - first && line.find_last_not_of(kSpace) == 0) {
    refuse_layout("a JSON object over several lines");
  }
}

}  // namespace

RowFormat choose_row_format(const std::filesystem::path& path, const std::string& name, const RowReaderOptions& options,
                            std::string_view start) {
  const RowFormat format = format_of(path, options, start);
  check_columns(name, options, format);
  check_delimiter(name, options, format);
  check_json(name, start, format);
  return format;
}

}  // namespace paceline
