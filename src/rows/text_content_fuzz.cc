#include "rows/testing/check_rows.h"

// Whatever the bytes are: packed, UTF-16, CR, no text at all; the content says the format.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  paceline::check_rows(bytes, {.max_row_bytes = 4096});
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kCsv, .max_row_bytes = 64});
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kJson, .max_row_bytes = 64});
  // Flags that not every format honours.
  paceline::check_rows(bytes, {.text_column = "text", .delimiter = ';', .max_row_bytes = 64});
  return 0;
}
