#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "rows/byte_reader.h"

namespace paceline {

/// The text of a file, whatever it is packed and encoded in.
struct TextContent {
  std::unique_ptr<ByteSource> bytes;    ///< UTF-8, or what was meant to be
  std::string_view encoding = "UTF-8";  ///< of the file
  bool packed = false;                  ///< reading may end with Error{corrupt_data}
};

/// Looks at the first bytes, whatever the file's name is: gzip and zstd are unpacked, UTF-16 with a byte order mark is
/// decoded, CR becomes a line end where the file has no other. No more is waited for than that needs. Throws
/// Error{unsupported} for what is no text, by name and with the remedy; `name` opens the message.
TextContent open_text_content(std::unique_ptr<ByteSource> source, const std::string& name, const std::stop_token& stop);

/// Throws Error{unsupported} where `start` is the start of a file that is no text.
void refuse_other_content(std::string_view start, const std::string& name);

}  // namespace paceline
