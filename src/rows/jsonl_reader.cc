#include <fmt/format.h>

#include <utility>

#include "rows/json_row.h"
#include "rows/line_rows.h"

namespace paceline {
namespace {

/// The line is a JSON object, and the text stands under a key.
class JsonlReader : public LineRows {
 public:
  using LineRows::LineRows;

  RowFormat format() const override { return RowFormat::kJsonl; }

 private:
  bool passes_over_blank() const override { return true; }

  void parse(std::string_view line, uint64_t line_number, Row& row) const override {
    parse_json_row(line, fmt::format("line {}", line_number), options(), row);
  }
};

}  // namespace

std::unique_ptr<RowReader> make_jsonl_reader(RowInput input) { return std::make_unique<JsonlReader>(std::move(input)); }

}  // namespace paceline
