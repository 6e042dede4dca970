#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/progress.h"
#include "jobs/stream.h"
#include "rows/row_reader.h"

namespace paceline {

/// Where some rows stand in the input, in bytes.
struct InputPlace {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t total = 0;  ///< of the whole input; 0 where unknown
};

/// Rows that go through the work together. Texts stand apart from their rows, as encoders want them.
class RowChunk {
 public:
  /// Reads from where the reader stands until the chunk is full, showing each row to `check`. False where nothing is
  /// left.
  bool read(RowReader& reader, const StreamOptions& options, FunctionRef<void(const Row&)> check);

  const std::vector<Row>& rows() const { return rows_; }     ///< their texts moved away
  const std::vector<Text>& texts() const { return texts_; }  ///< of the rows without an error, in their order
  const InputPlace& place() const { return place_; }

 private:
  std::vector<Row> rows_;
  std::vector<Text> texts_;
  InputPlace place_;
};

/// Collects output and hands it on in pieces large enough that a system call per piece is nothing.
class SinkBuffer {
 public:
  explicit SinkBuffer(TextSink& sink) : sink_(sink) {}
  std::string& text() { return text_; }
  /// Call after each row.
  void flush_if_full();
  void flush();

 private:
  TextSink& sink_;
  std::string text_;
};

/// A text's error as a row's, which says what row of the input it is, counted from 1.
std::string error_of_row(uint64_t row, std::string_view message);

/// Shows progress in kB of the input, as how many rows it has is not known before they are read: the part before this
/// chunk and `share` of the chunk. `rows`: done so far.
void report_progress(Progress& progress, const InputPlace& chunk, double share, uint64_t rows);

}  // namespace paceline
