#include <utility>

#include "rows/line_rows.h"

namespace paceline {
namespace {

/// The line is the text.
class TxtReader : public LineRows {
 public:
  using LineRows::LineRows;

  RowFormat format() const override { return RowFormat::kTxt; }

 private:
  void parse(std::string_view line, uint64_t /*line_number*/, Row& row) const override { row.text.first = line; }
};

}  // namespace

std::unique_ptr<RowReader> make_txt_reader(RowInput input) { return std::make_unique<TxtReader>(std::move(input)); }

}  // namespace paceline
