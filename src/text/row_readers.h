#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/byte_reader.h"
#include "text/row_reader.h"

namespace paceline {

/// What the readers of all formats share. `name` opens their messages.
struct RowInput {
  ByteReader bytes;
  std::string name;
  RowReaderOptions options;
};

/// RowReader::open over any source. `path` gives the ending that kAuto looks at, and the name in messages.
std::unique_ptr<RowReader> open_rows(std::unique_ptr<ByteSource> source, const std::filesystem::path& path,
                                     const RowReaderOptions& options);

std::unique_ptr<RowReader> make_txt_reader(RowInput input);
std::unique_ptr<RowReader> make_csv_reader(RowInput input);
std::unique_ptr<RowReader> make_jsonl_reader(RowInput input);

/// "[line 12] " and what is wrong there: the form of Row::error.
std::string row_error(uint64_t line, std::string_view problem);

/// Of a row that is too long, Row::raw holds the start.
inline constexpr std::size_t kTooLongExcerptBytes = 256;

/// The sentence for a line or record above the limit.
std::string too_long_error(uint64_t line, std::size_t max_row_bytes);

/// The sentence for bytes that are not UTF-8; `part` says where in the row ("byte 7"). The bytes are not shown.
std::string not_utf8_error(uint64_t line, std::string_view part);

}  // namespace paceline
