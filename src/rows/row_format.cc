#include "rows/row_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "paceline/error.h"
#include "words/split.h"
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

bool is_column_name(std::string_view field) {
  if (field.size() > 2 && field.starts_with('"') && field.ends_with('"')) field = field.substr(1, field.size() - 2);
  const auto is_letter = [](char c) {  // of any script: a byte that is not ASCII
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  };
  const auto is_part = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !field.empty() && is_letter(field.front()) && std::all_of(field.begin(), field.end(), is_part);
}

/// Whether the first line looks like the header of a table: names alone, and a second line behind it that has as many
/// fields, or any where one of the names is the usual one. Prose has blanks.
bool opens_table(std::string_view start, char delimiter) {
  const std::size_t end = start.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view rest = start.substr(end + 1);
  const std::string_view second = rest.substr(0, rest.find('\n'));
  const std::string_view first = start.substr(0, end);
  const std::vector<std::string> names = split(first.substr(0, first.find('\r')), delimiter);
  if (second.empty() || !std::all_of(names.begin(), names.end(), is_column_name)) return false;
  if (std::find(names.begin(), names.end(), kDefaultTextColumn) != names.end()) return true;
  return names.size() > 1 && std::count(second.begin(), second.end(), delimiter) + 1 >= std::ssize(names);
}

/// What `start`, read as txt, looks like instead: kCsv, kTsv or kTxt.
RowFormat table_of_content(std::string_view start) {
  const auto opens = [&](char delimiter) { return opens_table(start, delimiter); };
  if (std::ranges::any_of(std::string_view(",;|"), opens)) return RowFormat::kCsv;
  return opens('\t') ? RowFormat::kTsv : RowFormat::kTxt;
}

/// In lower case; of a packed file the one before .gz or .zst.
std::string format_ending_of(const std::filesystem::path& path) {
  const std::string ending = ending_of(path);
  return is_any(ending, {".gz", ".gzip", ".zst", ".zstd"}) ? ending_of(path.stem()) : ending;
}

/// Nobody named a format: what the ending, the flags and the first bytes make of it. The note says what may surprise;
/// plain text without an ending, as on standard input, does not.
ChosenFormat guess_format(const std::string& name, std::string_view ending, char delimiter, std::string_view start) {
  const RowFormat named = format_of_ending(ending, start);
  // Who names a delimiter has a table, whatever it is called.
  if (delimiter != '\0' && is_any(row_format_name(named), {"auto", "txt", "tsv"})) {
    if (named != RowFormat::kTxt) return {RowFormat::kCsv, ""};
    return {RowFormat::kCsv, fmt::format("[{}] is read as csv, as --delimiter is given; its ending says txt", name)};
  }
  if (named != RowFormat::kAuto) return {named, ""};
  const RowFormat format = format_of_content(start);
  const std::string guess = fmt::format("[{}] is read as {}", name, row_format_name(format));
  const RowFormat table = format == RowFormat::kTxt ? table_of_content(start) : RowFormat::kTxt;
  if (table != RowFormat::kTxt) {
    return {format, fmt::format("{}, a text on each line, but begins like a table. --format {} reads it as one", guess,
                                row_format_name(table))};
  }
  if (!ending.empty()) {
    return {format,
            fmt::format("{}, as its ending {} names no format. --format overrides this", guess, excerpt(ending))};
  }
  if (format == RowFormat::kTxt) return {format, ""};
  return {format, fmt::format("{}, as its first bytes look like it. --format overrides this", guess)};
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
  if (!table && !options.label_column.empty()) {
    refuse(name, format,
           fmt::format("which has no column \"{}\" with labels. Use CSV, TSV or JSON and name it with --format.",
                       excerpt(options.label_column)));
  }
  for (const auto& [flag, column] :
       {std::pair{"text", options.text_column.value_or(kDefaultTextColumn)}, std::pair{"pair", options.pair_column}}) {
    if (options.label_column.empty() || options.label_column != column) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] the column of the labels is \"{}\", which is that of --{}-column, too. Name another "
                            "with --label-column.",
                            name, excerpt(column), flag));
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

ChosenFormat choose_row_format(const std::filesystem::path& path, const std::string& name,
                               const RowReaderOptions& options, std::string_view start) {
  ChosenFormat chosen{options.format, ""};
  if (options.format == RowFormat::kAuto) {
    chosen = guess_format(name, format_ending_of(path), options.delimiter, start);
  }
  check_columns(name, options, chosen.format);
  check_delimiter(name, options, chosen.format);
  check_json(name, start, chosen.format);
  return chosen;
}

}  // namespace paceline
