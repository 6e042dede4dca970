#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "paceline/error.h"
#include "rows/row_readers.h"
#include "words/utf8.h"

namespace paceline {

/// For fuzz targets: reads `bytes` to the end and stops the process where a row breaks a promise of RowReader.
/// What the bytes hold may be refused (Error), nothing else may happen.
inline void check_rows(std::string_view bytes, const RowReaderOptions& options) {
  const auto require = [](bool kept) {
    if (!kept) std::abort();
  };
  const auto is_utf8 = [](std::string_view text) { return find_invalid_utf8(text) == std::string_view::npos; };
  try {
    const auto reader = open_rows(make_memory_source(bytes), "fuzz", options);
    for (Row row; reader->next(row);) {
      require(row.error.empty() || row.text.first.empty());
      require(is_utf8(row.raw) && is_utf8(row.error) && is_utf8(row.text.first) &&
              is_utf8(row.text.second.value_or("")));
      require(row.fields.size() == reader->columns().size());
      for (const std::string& field : row.fields) require(is_utf8(field));
      require(row.error.empty() || row.error.find('\n') == std::string::npos);
      require(row.text.first.size() <= options.max_row_bytes);
    }
    require(!reader->damage().empty() || reader->bytes_read() == bytes.size());
  } catch (const Error&) {
    return;
  }
}

}  // namespace paceline
