#include "jobs/row_chunk.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

namespace paceline {
namespace {

constexpr std::size_t kOutputPiece = std::size_t{1} << 18;

std::size_t text_bytes(const Row& row) {
  std::size_t bytes = row.raw.size() + row.text.first.size() + (row.text.second ? row.text.second->size() : 0);
  for (const std::string& field : row.fields) bytes += field.size();
  return bytes;
}

}  // namespace

bool RowChunk::read(RowReader& reader, const StreamOptions& options, FunctionRef<void(const Row&)> check) {
  rows_.clear();
  texts_.clear();
  place_.begin = reader.bytes_read();
  std::size_t bytes = 0;
  Row row;
  while (rows_.size() < static_cast<std::size_t>(options.chunk) && bytes < options.chunk_bytes && reader.next(row)) {
    check(row);
    bytes += text_bytes(row);
    if (row.error.empty()) texts_.push_back(std::move(row.text));
    row.text = {};
    rows_.push_back(std::exchange(row, Row{}));
  }
  place_.end = reader.bytes_read();
  place_.total = reader.bytes_total();
  return !rows_.empty();
}

void SinkBuffer::flush_if_full() {
  if (text_.size() >= kOutputPiece) flush();
}

void SinkBuffer::flush() {
  sink_.write(text_);
  text_.clear();
}

std::string error_of_row(uint64_t row, std::string_view message) {
  return message.starts_with('[') ? fmt::format("[row {}, {}", row, message.substr(1))
                                  : fmt::format("[row {}] {}", row, message);
}

void report_progress(Progress& progress, const InputPlace& chunk, double share, uint64_t rows) {
  const auto kilobytes = [](double bytes) { return std::ceil(bytes / 1000); };  // a short input has some, not 0
  const double done = static_cast<double>(chunk.begin) + share * static_cast<double>(chunk.end - chunk.begin);
  progress.update(kilobytes(done), kilobytes(static_cast<double>(chunk.total)), std::to_string(rows) + " texts");
}

}  // namespace paceline
