#pragma once

#include <string_view>

#include "rows/row_reader.h"

namespace paceline {

/// Fills row.text from a JSON object, or row.error. `where` opens the error: "line 3".
void parse_json_row(std::string_view object, std::string_view where, const RowReaderOptions& options, Row& row);

}  // namespace paceline
