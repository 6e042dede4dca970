#include "network/dense_rows.h"

#include <gtest/gtest.h>

#include <numeric>
#include <span>
#include <vector>

namespace paceline {
namespace {

constexpr int32_t kIn = 3;
constexpr int32_t kStored = 8;  ///< outputs of the whole tensor

std::vector<float> read(const Dense& dense, const Shape& shape, int32_t first, int32_t count) {
  std::vector<float> values(std::size_t{kIn} * kStored);
  std::iota(values.begin(), values.end(), 0.0F);
  std::vector<float> rows(static_cast<std::size_t>(count) * kIn);
  read_dense_rows({.dtype = DType::kF32, .shape = shape, .bytes = std::as_bytes(std::span(values))}, dense, first,
                  count, rows);
  return rows;
}

TEST(DenseRows, ReadsEitherFormFromWhereTheLayerBegins) {
  const Dense rows{.in = kIn, .out = 4, .first = 3};
  EXPECT_EQ(read(rows, {kStored, kIn}, 0, 2), (std::vector<float>{9, 10, 11, 12, 13, 14}));
  EXPECT_EQ(read(rows, {kStored, kIn}, 3, 1), (std::vector<float>{18, 19, 20}));
  const Dense columns{.in = kIn, .out = 4, .first = 3, .transposed = true};
  EXPECT_EQ(read(columns, {kIn, kStored}, 0, 2), (std::vector<float>{3, 11, 19, 4, 12, 20}));
  // XLNet's [C, H, D] is the same with the outputs in two axes.
  EXPECT_EQ(read(columns, {kIn, 2, 4}, 3, 1), (std::vector<float>{6, 14, 22}));
}

}  // namespace
}  // namespace paceline
