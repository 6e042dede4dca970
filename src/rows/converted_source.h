#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rows/byte_reader.h"

namespace paceline {

inline constexpr std::string_view kUtf16LittleMark = "\xFF\xFE";
inline constexpr std::string_view kUtf16BigMark = "\xFE\xFF";

/// UTF-16 behind its byte order mark as UTF-8. Half of a surrogate pair and a last byte alone become bytes that are not
/// UTF-8, so that the row they stand in has an error.
std::unique_ptr<ByteSource> make_utf16_source(std::unique_ptr<ByteSource> source);

/// CR and CRLF as LF: for files in which CR alone ends a line.
std::unique_ptr<ByteSource> make_carriage_return_source(std::unique_ptr<ByteSource> source);

/// Bytes that were read to look at them, and then the rest.
std::unique_ptr<ByteSource> make_resumed_source(std::string start, std::unique_ptr<ByteSource> rest);

}  // namespace paceline
