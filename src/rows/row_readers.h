#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rows/byte_reader.h"
#include "rows/row_reader.h"

namespace paceline {

/// What the readers of all formats share. `name` opens their messages.
struct RowInput {
  ByteReader bytes;
  std::string name;
  RowReaderOptions options;
  std::string_view encoding = "UTF-8";  ///< of the file; the bytes are UTF-8 by now
  std::vector<std::string> notes{};     ///< RowReader::notes so far
};

/// RowReader::open over any source. `path` gives the ending that kAuto looks at, and the name in messages.
std::unique_ptr<RowReader> open_rows(std::unique_ptr<ByteSource> source, const std::filesystem::path& path,
                                     const RowReaderOptions& options);

std::unique_ptr<RowReader> make_txt_reader(RowInput input);
/// `delimiter` 0: to be found out.
std::unique_ptr<RowReader> make_csv_reader(RowInput input, char delimiter);
std::unique_ptr<RowReader> make_jsonl_reader(RowInput input);
std::unique_ptr<RowReader> make_json_reader(RowInput input);

/// "[line 12] " and what is wrong there: the form of Row::error.
std::string row_error(uint64_t line, std::string_view problem);

/// Of a row that is too long, Row::raw holds the start.
inline constexpr std::size_t kTooLongExcerptBytes = 256;

/// The sentence for a line or record above the limit.
std::string too_long_error(uint64_t line, std::size_t max_row_bytes);

/// What keeps bytes of `from` from being text.
struct TextFault {
  std::size_t at = 0;   ///< byte
  std::string problem;  ///< "is not UTF-8", "is a NUL", and what to do; the bytes are not shown
};
std::optional<TextFault> find_text_fault(std::string_view text, const ByteReader& from, std::string_view encoding);

/// `text` with U+FFFD for what is not UTF-8, and for NULs.
std::string readable(std::string_view text);

}  // namespace paceline
