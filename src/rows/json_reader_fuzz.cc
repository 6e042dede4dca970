#include "rows/testing/check_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kJson});
  // So few bytes that long elements are among the inputs.
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kJson, .text_column = "a", .max_row_bytes = 64});
  return 0;
}
