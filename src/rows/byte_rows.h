#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rows/row_readers.h"

namespace paceline {

/// What the readers of all formats share: the bytes, how far they are read, and what is no text in them. No columns,
/// unless the format has some.
class ByteRows : public RowReader {
 public:
  const std::vector<std::string>& columns() const override {
    static const std::vector<std::string> kNone;
    return kNone;
  }
  uint64_t bytes_read() const final { return input_.bytes.bytes_read(); }
  uint64_t bytes_total() const final { return input_.bytes.bytes_total(); }
  std::vector<std::string> notes() const final { return input_.notes; }

 protected:
  explicit ByteRows(RowInput input) : input_(std::move(input)) {}

  ByteReader& bytes() { return input_.bytes; }
  const std::string& name() const { return input_.name; }
  const RowReaderOptions& options() const { return input_.options; }
  void add_note(std::string note) { input_.notes.push_back(std::move(note)); }
  std::optional<TextFault> find_fault(std::string_view text) const {
    return find_text_fault(text, input_.bytes, input_.encoding);
  }

 private:
  RowInput input_;
};

}  // namespace paceline
