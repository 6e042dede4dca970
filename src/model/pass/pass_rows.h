#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace paceline {

/// Rows or columns [begin, end).
struct Range {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t size() const { return end - begin; }
};

/// The `index`-th of `count` nearly equal parts of [0, total).
inline Range share(int64_t total, int index, int count) {
  return {static_cast<int32_t>(total * index / count), static_cast<int32_t>(total * (index + 1) / count)};
}

inline Range intersect(Range a, Range b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

inline Rows shifted(Rows rows, int64_t row, int64_t column) { return {rows.row(row) + column, rows.stride}; }

/// `bytes`: where in the row it begins.
inline NumberRows shifted(NumberRows rows, int64_t row, int64_t bytes) {
  return {.data = rows.data + row * static_cast<int64_t>(rows.stride) + bytes,
          .stride = rows.stride,
          .scales = rows.scales == nullptr ? nullptr : rows.scales + row};
}

/// Fp32 rows as what a product or attention in fp32 reads.
inline NumberRows numbers_of(Rows rows) {
  return {.data = reinterpret_cast<std::byte*>(rows.data), .stride = rows.stride * sizeof(float)};
}

inline Rows floats_of(NumberRows rows) { return {reinterpret_cast<float*>(rows.data), rows.stride / sizeof(float)}; }

}  // namespace paceline
