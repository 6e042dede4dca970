#include "backend/onnxruntime/batch_cutter.h"

#include <algorithm>
#include <numeric>

#include "batch/batch_planner.h"

namespace paceline {
namespace {

void append_row(const PackedBatch& batch, int32_t row, PackedBatch& part) {
  const auto first = static_cast<std::size_t>(batch.cu_seqlens[static_cast<std::size_t>(row)]);
  const auto length = static_cast<std::size_t>(batch.length(row));
  const std::span<const int32_t> ids(batch.input_ids), types(batch.token_type_ids);
  append_sequence(part, ids.subspan(first, length), types.empty() ? types : types.subspan(first, length));
}

}  // namespace

void BatchCutter::cut(const PackedBatch& batch, FunctionRef<void(const PackedBatch&, std::span<const int32_t>)> run) {
  rows_.resize(static_cast<std::size_t>(batch.sequences()));
  std::iota(rows_.begin(), rows_.end(), 0);
  if (equal_lengths_) {
    // Not std::stable_sort, which allocates; the row itself keeps the order of equals.
    std::sort(rows_.begin(), rows_.end(), [&](int32_t left, int32_t right) {
      return std::pair(batch.length(left), left) < std::pair(batch.length(right), right);
    });
  }
  for (std::size_t start = 0; start < rows_.size();) {
    const std::size_t end = end_of_part(batch, start);
    clear(part_);
    for (std::size_t i = start; i < end; ++i) append_row(batch, rows_[i], part_);
    while (part_.sequences() < fixed_batch_) append_row(batch, rows_[start], part_);
    run(part_, std::span(rows_).subspan(start, end - start));
    start = end;
  }
}

std::size_t BatchCutter::end_of_part(const PackedBatch& batch, std::size_t start) const {
  std::size_t end = rows_.size();
  if (fixed_batch_ > 0) end = std::min(end, start + static_cast<std::size_t>(fixed_batch_));
  if (!equal_lengths_) return end;
  const int32_t length = batch.length(rows_[start]);
  const auto longer =
      std::find_if(rows_.begin() + static_cast<std::ptrdiff_t>(start), rows_.begin() + static_cast<std::ptrdiff_t>(end),
                   [&](int32_t row) { return batch.length(row) != length; });
  return static_cast<std::size_t>(longer - rows_.begin());
}

}  // namespace paceline
