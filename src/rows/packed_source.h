#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "rows/byte_reader.h"

namespace paceline {

/// How a file is packed, told by its first bytes, whatever its name is.
enum class Packing { kNone, kGzip, kZstd };

inline constexpr std::string_view kGzipMagic = "\x1F\x8B\x08";
inline constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";

Packing packing_of(std::string_view start);

/// Whether `start` may become the magic of a skippable frame, which zstd may have before its data.
bool may_become_skippable(std::string_view start);

/// The bytes that gzip or zstd packed, members and frames one after the other, in memory that does not depend on how
/// many they are. read() throws Error{corrupt_data} for damaged data and for data that ends early; `name` opens the
/// message. Where the reading was called off (by `stop`) the bytes just end.
std::unique_ptr<ByteSource> make_unpacked_source(std::unique_ptr<ByteSource> source, Packing packing, std::string name,
                                                 std::stop_token stop);

}  // namespace paceline
