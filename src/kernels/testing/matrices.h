#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace paceline {

// Unit roundoffs of fp32 and of bf16.
inline constexpr double kUnit = 1.0 / (1 << 24);
inline constexpr double kBf16Unit = 1.0 / (1 << 8);
// What lies around a result and must stay as it was.
inline constexpr float kGuard = -777.25F;

/// A matrix whose rows start one float off any alignment, with guards behind each row.
struct Matrix {
  Matrix(int rows, int columns, float fill = kGuard)
      : stride(static_cast<std::size_t>(columns) + 3), values(stride * static_cast<std::size_t>(rows) + 1, fill) {}
  Rows rows() { return {values.data() + 1, stride}; }
  float& at(int r, int c) { return rows().row(r)[c]; }

  std::size_t stride;
  std::vector<float> values;
};

inline Matrix random_matrix(int rows, int columns, uint32_t seed, float scale = 1) {
  Matrix matrix(rows, columns);
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> draw(-scale, scale);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) matrix.at(r, c) = draw(generator);
  }
  return matrix;
}

inline constexpr NumberType kTypes[] = {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8};

inline const Kernels& reference() { return *all_kernels().back(); }

/// A matrix of a number type, from fp32 rows by the reference's rounding.
struct NumberMatrix {
  NumberMatrix(NumberType number_type, ConstRows from, int rows, int columns)
      : type(number_type),
        stride(static_cast<std::size_t>(words_of(type, columns) + 1) * kWordBytes),
        bytes(kWordBytes + stride * static_cast<std::size_t>(rows)),
        scales(static_cast<std::size_t>(rows)) {
    reference().of(type).round({.in = from, .rows = rows, .columns = columns, .out = this->rows()});
  }

  NumberRows rows() { return {bytes.data() + kWordBytes, stride, scales.data()}; }
  NumberRows from_row(int row) {
    return {rows().data + static_cast<std::size_t>(row) * stride, stride, scales.data() + row};
  }
  /// The number that is stored.
  double value(int row, int column) {
    const auto c = static_cast<std::size_t>(column);
    const std::byte* at = from_row(row).data;
    if (type == NumberType::kInt8) {
      const RowScale& scale = scales[static_cast<std::size_t>(row)];
      return static_cast<double>(scale.scale) * (std::to_integer<int>(at[c]) - static_cast<double>(scale.zero));
    }
    uint32_t bits = 0;
    if (type == NumberType::kBf16) {
      uint16_t half = 0;
      std::memcpy(&half, at + 2 * c, sizeof(half));
      bits = static_cast<uint32_t>(half) << 16;
    } else {
      std::memcpy(&bits, at + 4 * c, sizeof(bits));
    }
    return static_cast<double>(std::bit_cast<float>(bits));
  }

  NumberType type;
  std::size_t stride;
  std::vector<std::byte> bytes;
  std::vector<RowScale> scales;
};

inline std::vector<const Kernels*> supported_levels() {
  std::vector<const Kernels*> levels;
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->supported()) levels.push_back(kernels);
  }
  return levels;
}

}  // namespace paceline
