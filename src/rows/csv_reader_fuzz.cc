#include "rows/testing/check_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kCsv});
  // So few bytes that long rows are among the inputs.
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kCsv, .pair_column = "pair", .max_row_bytes = 64});
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kTsv});
  paceline::check_rows(bytes, {.format = paceline::RowFormat::kTsv, .pair_column = "pair", .max_row_bytes = 64});
  return 0;
}
