#include "kernels/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/packed_dense.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// Unit roundoffs of fp32 and of bf16.
constexpr double kUnit = 1.0 / (1 << 24);
constexpr double kBf16Unit = 1.0 / (1 << 8);
// What lies around a result and must stay as it was.
constexpr float kGuard = -777.25F;

/// A matrix whose rows start one float off any alignment, with guards behind each row.
struct Matrix {
  Matrix(int rows, int columns, float fill = kGuard)
      : stride(static_cast<std::size_t>(columns) + 3), values(stride * static_cast<std::size_t>(rows) + 1, fill) {}
  Rows rows() { return {values.data() + 1, stride}; }
  float& at(int r, int c) { return rows().row(r)[c]; }

  std::size_t stride;
  std::vector<float> values;
};

Matrix random_matrix(int rows, int columns, uint32_t seed, float scale = 1) {
  Matrix matrix(rows, columns);
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> draw(-scale, scale);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) matrix.at(r, c) = draw(generator);
  }
  return matrix;
}

constexpr NumberType kTypes[] = {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8};

const Kernels& reference() { return *all_kernels().back(); }

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

struct DenseLayer {
  DenseLayer(int out, int in, uint32_t seed)
      : weight(random_matrix(out, in, seed)), bias(random_matrix(1, out, seed + 1)) {}

  int out() const { return static_cast<int>(bias.stride) - 3; }
  int in() const { return static_cast<int>(weight.stride) - 3; }

  PackedDense pack(const Kernels& kernels, NumberType type = NumberType::kFp32) {
    const int32_t outputs[] = {out()};
    PackedDense packed(kernels, type, in(), outputs);
    packed.allocate();
    for (int32_t i = 0; i < static_cast<int32_t>(packed.panels().size()); ++i) {
      const int32_t first = packed.origins()[static_cast<std::size_t>(i)].first;
      const auto columns = static_cast<std::size_t>(packed.panels()[static_cast<std::size_t>(i)].columns);
      packed.fill(i, {weight.rows().row(first), weight.stride}, {bias.rows().data + first, columns});
    }
    return packed;
  }

  /// The weight as it is kept: int8 has 127 steps to the column's largest.
  double kept(NumberType type, int column, int k) {
    const float x = weight.at(column, k);
    if (type == NumberType::kFp32) return static_cast<double>(x);
    if (type == NumberType::kBf16) return NumberMatrix(type, {&x, 1}, 1, 1).value(0, 0);
    float largest = 0;
    for (int i = 0; i < in(); ++i) largest = std::max(largest, std::abs(weight.at(column, i)));
    const double scale = static_cast<double>(largest / 127);
    return scale * std::nearbyint(static_cast<double>(x * (127 / largest)));
  }

  Matrix weight;
  Matrix bias;
};

/// All panels of a layer; the depth and the panels come from it.
void run_dense(const Kernels& kernels, const PackedDense& packed, DenseArgs args) {
  args.depth = packed.depth();
  args.panels = packed.panels().data();
  args.panel_count = static_cast<int32_t>(packed.panels().size());
  kernels.of(packed.type()).dense(args);
}

double activate(Epilogue epilogue, double y, double old) {
  switch (epilogue) {
    case Epilogue::kAdd:
      return old + y;
    case Epilogue::kGelu:
      return 0.5 * y * (1 + std::erf(y / std::numbers::sqrt2));
    case Epilogue::kTanh:
      return std::tanh(y);
    case Epilogue::kRelu:
      return std::max(y, 0.0);
    case Epilogue::kGeluTanh:
      return 0.5 * y * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (y + 0.044715 * y * y * y)));
    case Epilogue::kSilu:
      return y / (1 + std::exp(-y));
    case Epilogue::kMish:
      return y * std::tanh(std::log1p(std::exp(y)));
    case Epilogue::kMultiply:
      return old * y;
    case Epilogue::kStore:
      return y;
  }
  return y;
}

constexpr Epilogue kFunctions[] = {Epilogue::kGelu, Epilogue::kTanh, Epilogue::kGeluTanh, Epilogue::kSilu,
                                   Epilogue::kMish};

/// What a function may add to the error of its argument.
double function_bound(Epilogue epilogue, double y) {
  if (std::find(std::begin(kFunctions), std::end(kFunctions), epilogue) == std::end(kFunctions)) return 0;
  const bool relative = epilogue == Epilogue::kSilu || epilogue == Epilogue::kMish;
  return relative ? 5e-7 * (1 + std::abs(y)) : 5e-7;
}

std::vector<const Kernels*> supported_levels() {
  std::vector<const Kernels*> levels;
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->supported()) levels.push_back(kernels);
  }
  return levels;
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }

  // A sum of n products in any order errs by at most n u (sum of |x w|) to first order (Higham, Accuracy and Stability,
  // 3.1); bias, residual and the final rounding add three operations more. Products of bf16 are exact in fp32. The sums
  // of int8 are exact; rounding them, both scales and the zero point, which may be as large as the sum of |x w| and is
  // taken out again, are four more. The functions' own error comes on top; none of them has a slope above 1.13 (GELU).
  // A dropped or doubled term is 1 / depth of the sum, far outside.
  void check_dense(NumberType type, int rows, int out, int in, Epilogue epilogue) {
    SCOPED_TRACE(testing::Message() << "type " << static_cast<int>(type) << ", " << rows << " rows, " << in << " -> "
                                    << out << ", epilogue " << static_cast<int>(epilogue));
    DenseLayer layer(out, in, static_cast<uint32_t>(out * 1000 + in));
    Matrix exact = random_matrix(rows, in, static_cast<uint32_t>(rows));
    NumberMatrix x(type, exact.rows(), rows, in);
    Matrix before = random_matrix(rows, out, 5);
    Matrix result = before;
    run_dense(kernels(), layer.pack(kernels(), type),
              {.in = x.rows(), .rows = rows, .epilogue = epilogue, .out = result.rows()});
    const int operations = type == NumberType::kInt8 ? 12 : in + 3;
    std::vector<double> weights(static_cast<std::size_t>(in));
    for (int c = 0; c < out; ++c) {
      for (int k = 0; k < in; ++k) weights[static_cast<std::size_t>(k)] = layer.kept(type, c, k);
      for (int r = 0; r < rows; ++r) {
        double sum = static_cast<double>(layer.bias.at(0, c));
        double magnitude = std::abs(sum) + std::abs(static_cast<double>(before.at(r, c)));
        const RowScale scale = x.scales[static_cast<std::size_t>(r)];
        const double zero = type == NumberType::kInt8 ? static_cast<double>(scale.scale * scale.zero) : 0;
        for (int k = 0; k < in; ++k) {
          const double weight = weights[static_cast<std::size_t>(k)];
          sum += x.value(r, k) * weight;
          magnitude += (std::abs(x.value(r, k)) + 2 * zero) * std::abs(weight);
        }
        const double expected = activate(epilogue, sum, static_cast<double>(before.at(r, c)));
        ASSERT_NEAR(static_cast<double>(result.at(r, c)), expected,
                    1.13 * operations * kUnit * magnitude + function_bound(epilogue, sum))
            << "row " << r << ", column " << c;
      }
    }
    for (int r = 0; r + 1 < rows; ++r) {
      for (int c = out; c < out + 3; ++c) ASSERT_EQ(result.at(r, c), kGuard) << "written past the row";
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Isa, KernelsTest, testing::ValuesIn(supported_levels()),
                         [](const auto& param_info) { return std::string(param_info.param->name); });

TEST_P(KernelsTest, DenseAtEveryRowCount) {
  for (const NumberType type : kTypes) {
    for (int rows = 1; rows <= 33; ++rows) check_dense(type, rows, 50, 37, Epilogue::kStore);
    for (const int rows : {127, 129, 145, 300}) check_dense(type, rows, 50, 19, Epilogue::kStore);
  }
}

TEST_P(KernelsTest, DenseAtEveryWidth) {
  for (const NumberType type : kTypes) {
    for (int out = 1; out <= 100; ++out) check_dense(type, 9, out, 24, Epilogue::kStore);
    check_dense(type, 20, 768, 40, Epilogue::kStore);
  }
}

TEST_P(KernelsTest, DenseAtEveryDepth) {
  for (const NumberType type : kTypes) {
    for (int in = 1; in <= 50; ++in) check_dense(type, 7, 49, in, Epilogue::kStore);
    check_dense(type, 10, 64, 3072, Epilogue::kStore);
  }
}

TEST_P(KernelsTest, DenseEpilogues) {
  for (const NumberType type : kTypes) {
    for (const Epilogue epilogue : {Epilogue::kAdd, Epilogue::kGelu, Epilogue::kTanh, Epilogue::kRelu,
                                    Epilogue::kGeluTanh, Epilogue::kSilu, Epilogue::kMish, Epilogue::kMultiply}) {
      check_dense(type, 17, 61, 40, epilogue);
      check_dense(type, 1, 5, 64, epilogue);
    }
  }
}

// The reference adds in int32 and scales by the same operations in fp32.
TEST_P(KernelsTest, Int8IsTheSameOnEveryLevel) {
  for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kAdd, Epilogue::kRelu}) {
    DenseLayer layer(101, 77, 3);
    Matrix exact = random_matrix(19, 77, 4);
    NumberMatrix x(NumberType::kInt8, exact.rows(), 19, 77);
    Matrix expected = random_matrix(19, 101, 5);
    Matrix result = expected;
    run_dense(reference(), layer.pack(reference(), NumberType::kInt8),
              {.in = x.rows(), .rows = 19, .epilogue = epilogue, .out = expected.rows()});
    run_dense(kernels(), layer.pack(kernels(), NumberType::kInt8),
              {.in = x.rows(), .rows = 19, .epilogue = epilogue, .out = result.rows()});
    EXPECT_EQ(result.values, expected.values) << "epilogue " << static_cast<int>(epilogue);
  }
}

// The largest that 8 bits give, at a depth of 4096: 4096 x 255 x 127 fits into 32 bits, a saturating sum of two
// products would not into 16.
TEST_P(KernelsTest, Int8DoesNotSaturate) {
  constexpr int kIn = 4096;
  DenseLayer layer(33, kIn, 1);
  std::fill(layer.weight.values.begin(), layer.weight.values.end(), 1.0F);
  std::fill(layer.bias.values.begin(), layer.bias.values.end(), 0.0F);
  Matrix ones(1, kIn, 1.0F);
  NumberMatrix x(NumberType::kInt8, ones.rows(), 1, kIn);
  Matrix result(1, 33);
  run_dense(kernels(), layer.pack(kernels(), NumberType::kInt8),
            {.in = x.rows(), .rows = 1, .epilogue = Epilogue::kStore, .out = result.rows()});
  for (int c = 0; c < 33; ++c) EXPECT_NEAR(result.at(0, c), kIn, 8 * kUnit * kIn);
}

// To the last bit what rounding the fp32 results gives.
TEST_P(KernelsTest, DenseMayStoreBf16) {
  for (const NumberType type : kTypes) {
    for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kGelu, Epilogue::kMultiply}) {
      for (const int out : {5, 48, 101}) {
        DenseLayer layer(out, 77, 3);
        Matrix exact = random_matrix(19, 77, 4);
        NumberMatrix x(type, exact.rows(), 19, 77);
        const PackedDense packed = layer.pack(kernels(), type);
        Matrix wide = random_matrix(19, out, 5);
        Matrix factors = wide;  // read by kMultiply only
        run_dense(kernels(), packed, {.in = x.rows(), .rows = 19, .epilogue = epilogue, .out = wide.rows()});
        NumberMatrix narrow(NumberType::kBf16, Matrix(19, out, 0.0F).rows(), 19, out);
        const Rows old = epilogue == Epilogue::kMultiply ? factors.rows() : Rows{};
        run_dense(kernels(), packed,
                  {.in = x.rows(), .rows = 19, .epilogue = epilogue, .out = old, .out_bf16 = narrow.rows()});
        NumberMatrix expected(NumberType::kBf16, wide.rows(), 19, out);
        EXPECT_EQ(narrow.bytes, expected.bytes) << "type " << static_cast<int>(type) << ", " << out << " columns";
      }
    }
  }
}

TEST_P(KernelsTest, RowsAndPanelsMayBeDividedInAnyWay) {
  constexpr int kRows = 31;
  constexpr int kOut = 130;
  for (const NumberType type : kTypes) {
    DenseLayer layer(kOut, 77, 1);
    const PackedDense packed = layer.pack(kernels(), type);
    Matrix exact = random_matrix(kRows, 77, 2);
    NumberMatrix x(type, exact.rows(), kRows, 77);
    Matrix whole(kRows, kOut);
    run_dense(kernels(), packed, {.in = x.rows(), .rows = kRows, .epilogue = Epilogue::kGelu, .out = whole.rows()});
    Matrix pieces(kRows, kOut);
    for (int first = 0; first < kRows;) {
      const int rows = std::min(1 + first % 5, kRows - first);
      for (const WeightPanel& panel : packed.panels()) {
        kernels().of(type).dense({.in = x.from_row(first),
                                  .rows = rows,
                                  .depth = packed.depth(),
                                  .panels = &panel,
                                  .panel_count = 1,
                                  .epilogue = Epilogue::kGelu,
                                  .out = {pieces.rows().row(first), pieces.stride}});
      }
      first += rows;
    }
    EXPECT_EQ(whole.values, pieces.values) << "type " << static_cast<int>(type);
  }
}

TEST_P(KernelsTest, PartsBeginAtTheirOwnPanels) {
  const int32_t outputs[] = {40, 40, 7};
  const PackedDense packed(kernels(), NumberType::kFp32, 8, outputs);
  EXPECT_EQ(packed.column(0), 0);
  EXPECT_EQ(packed.column(1), 48);
  EXPECT_EQ(packed.column(2), 96);
  EXPECT_EQ(packed.width(), 112);
  for (int32_t part = 0; part < 3; ++part) {
    int32_t columns = 0;
    EXPECT_EQ(packed.panels(part).front().column, packed.column(part));
    for (const WeightPanel& panel : packed.panels(part)) columns += panel.columns;
    EXPECT_EQ(columns, outputs[part]);
  }
}

/// f(x) for each x, through a dense layer whose weights are the points and whose input is 1.
std::vector<float> apply(const Kernels& kernels, Epilogue epilogue, const std::vector<float>& points) {
  const int32_t outputs[] = {static_cast<int32_t>(points.size())};
  PackedDense packed(kernels, NumberType::kFp32, 1, outputs);
  packed.allocate();
  const std::vector<float> zero(points.size(), 0.0F);
  for (int32_t i = 0; i < static_cast<int32_t>(packed.panels().size()); ++i) {
    const auto first = static_cast<std::size_t>(packed.origins()[static_cast<std::size_t>(i)].first);
    const auto columns = static_cast<std::size_t>(packed.panels()[static_cast<std::size_t>(i)].columns);
    packed.fill(i, {points.data() + first, 1}, {zero.data(), columns});
  }
  const float one = 1;
  std::vector<float> result(points.size());
  run_dense(kernels, packed,
            {.in = {reinterpret_cast<const std::byte*>(&one), sizeof(one), nullptr},
             .rows = 1,
             .epilogue = epilogue,
             .out = {result.data(), result.size()}});
  return result;
}

TEST_P(KernelsTest, FunctionsAreWithinTheirBounds) {
  std::vector<float> points;
  for (int i = -60000; i <= 60000; ++i) points.push_back(static_cast<float>(i) * 2e-4F);
  points.insert(points.end(), {-1e30F, -100.0F, -0.0F, 100.0F, 1e30F, 1e-30F});
  for (const Epilogue epilogue : kFunctions) {
    const std::vector<float> result = apply(kernels(), epilogue, points);
    double worst = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double expected = activate(epilogue, static_cast<double>(points[i]), 0);
      // A result as large as its argument is rounded like any fp32: half a unit in the last place.
      const double error = std::abs(static_cast<double>(result[i]) - expected) - kUnit * std::abs(expected);
      worst = std::max(worst, error / function_bound(epilogue, expected));
    }
    EXPECT_LE(worst, 1) << "epilogue " << static_cast<int>(epilogue);
  }
}

TEST_P(KernelsTest, NaNIsNotHidden) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Epilogue epilogue :
       {Epilogue::kStore, Epilogue::kGelu, Epilogue::kTanh, Epilogue::kGeluTanh, Epilogue::kSilu, Epilogue::kMish}) {
    EXPECT_THAT(apply(kernels(), epilogue, {nan, 1.0F}),
                testing::ElementsAre(testing::IsNan(), testing::Not(testing::IsNan())));
  }
}

TEST_P(KernelsTest, LayerNorm) {
  for (const int columns : {1, 2, 7, 8, 15, 16, 17, 31, 33, 40, 64, 100, 768}) {
    const int rows = 5;
    Matrix x = random_matrix(rows, columns, static_cast<uint32_t>(columns), 3);
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c) x.at(r, c) += 2;
    }
    Matrix scale = random_matrix(1, columns, 1);
    Matrix bias = random_matrix(1, columns, 2);
    Matrix expected = x;
    const auto run = [&](const Kernels& level, Matrix& matrix) {
      level.of(NumberType::kFp32)
          .layer_norm({.in = matrix.rows(),
                       .out = matrix.rows(),
                       .count = rows,
                       .columns = columns,
                       .scale = scale.rows().data,
                       .bias = bias.rows().data,
                       .epsilon = 1e-5F});
    };
    run(reference(), expected);
    Matrix result = x;
    run(kernels(), result);
    // Mean and variance are sums of `columns` terms, relative error at most columns u each; deviations lose |mean| u,
    // and dividing by the deviation (at least half its expected 3 / sqrt 3 here, or sqrt epsilon for one column) scales
    // that up. All terms together stay below (columns + 8) u times the largest |x| / deviation.
    const double reach = columns == 1 ? 5 / std::sqrt(1e-5) : 5 / 0.5;
    const double bound = (columns + 8) * kUnit * 2 * reach;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c) {
        ASSERT_NEAR(result.at(r, c), expected.at(r, c), bound) << columns << " columns, row " << r << ", column " << c;
      }
      for (int c = columns; c < columns + 3 && r + 1 < rows; ++c) ASSERT_EQ(result.at(r, c), kGuard);
    }
  }
}

// Weights in int8 are the reference's, bit for bit, and those are the nearest of 127 steps to the row's largest.
TEST_P(KernelsTest, QuantisedWeights) {
  for (int columns = 1; columns <= 70; ++columns) {
    constexpr int kRows = 4;
    Matrix x = random_matrix(kRows, columns, static_cast<uint32_t>(columns), 3);
    for (int c = 0; c < columns; ++c) {
      x.at(1, c) = 0;
      x.at(2, c) *= 1e-38F;  // 127 over it is infinite
      x.at(3, c) *= 1e37F;
    }
    const std::size_t stride = static_cast<std::size_t>(words_of(NumberType::kInt8, columns) + 1) * kWordBytes;
    const auto run = [&](const Kernels& level) {
      std::vector<std::byte> out(kRows * stride, std::byte{0x5a});
      std::vector<float> scales(kRows);
      std::vector<float> sums(kRows);
      level.quantise({.in = x.rows(),
                      .rows = kRows,
                      .columns = columns,
                      .out = out.data(),
                      .stride = stride,
                      .scales = scales.data(),
                      .sums = sums.data()});
      return std::tuple(out, scales, sums);
    };
    const auto result = run(kernels());
    ASSERT_EQ(result, run(reference())) << columns << " columns";
    const auto& [out, scales, sums] = result;
    for (std::size_t r = 0; r < kRows; ++r) {
      int sum = 0;
      for (int c = 0; c < columns; ++c) {
        const int stored = static_cast<int8_t>(out[r * stride + static_cast<std::size_t>(c)]);
        const double value = static_cast<double>(x.at(static_cast<int>(r), c));
        const double scale = static_cast<double>(scales[r]);
        const double step = r == 2 ? 4e-38 : scale;
        ASSERT_NEAR(stored * scale, value, 0.5001 * step + (r == 2 ? step : 0)) << columns << " columns";
        sum += stored;
      }
      ASSERT_EQ(sums[r], static_cast<float>(sum));
      EXPECT_EQ(out[(r + 1) * stride - 1], std::byte{0x5a}) << "written beyond the last word";
    }
    EXPECT_EQ(scales[1], 0);
    EXPECT_EQ(scales[2], 0);
  }
}

// Bytes, scales and zero points are those of the reference, whose steps are as long as they have to be: half a step off
// at most, a whole one where rounding the zero point has moved the range's end.
TEST_P(KernelsTest, Rounding) {
  for (int columns = 1; columns <= 70; ++columns) {
    Matrix x = random_matrix(4, columns, static_cast<uint32_t>(columns), 3);
    for (int c = 0; c < columns; ++c) {
      x.at(1, c) = std::abs(x.at(1, c));
      x.at(2, c) = 0;
      x.at(3, c) -= 5;
    }
    for (const NumberType type : kTypes) {
      NumberMatrix expected(type, x.rows(), 4, columns);
      NumberMatrix result(type, Matrix(4, columns, 0.0F).rows(), 4, columns);
      std::fill(result.bytes.begin(), result.bytes.end(), std::byte{0x5a});
      for (int r = 0; r < 4; ++r) {
        std::memset(expected.from_row(r).data + expected.stride - kWordBytes, 0x5a, kWordBytes);  // behind each row
      }
      std::memset(expected.bytes.data(), 0x5a, kWordBytes);
      kernels().of(type).round({.in = x.rows(), .rows = 4, .columns = columns, .out = result.rows()});
      ASSERT_EQ(result.bytes, expected.bytes) << columns << " columns, type " << static_cast<int>(type);
      for (int r = 0; r < 4; ++r) {
        const auto row = static_cast<std::size_t>(r);
        ASSERT_EQ(result.scales[row].scale, expected.scales[row].scale);
        ASSERT_EQ(result.scales[row].zero, expected.scales[row].zero);
        const double step = static_cast<double>(result.scales[row].scale);
        for (int c = 0; c < columns; ++c) {
          const double exact = static_cast<double>(x.at(r, c));
          const double bound = type == NumberType::kInt8 ? 1.001 * step : kBf16Unit * std::abs(exact);
          ASSERT_NEAR(result.value(r, c), exact, bound);
        }
      }
    }
  }
}

TEST_P(KernelsTest, RoundingToBf16TakesTheNearestAndKeepsWhatIsNoNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float values[] = {1, 1.00390625F, 1.01171875F, -1.0039064F, 3.4e38F, infinity, -infinity, -0.0F};
  const float nearest[] = {1, 1, 1.015625F, -1.0078125F, infinity, infinity, -infinity, -0.0F};
  NumberMatrix result(NumberType::kBf16, {values, 8}, 1, 8);
  kernels().of(NumberType::kBf16).round({.in = {values, 8}, .rows = 1, .columns = 8, .out = result.rows()});
  for (int i = 0; i < 8; ++i) EXPECT_EQ(result.value(0, i), static_cast<double>(nearest[i])) << values[i];
  for (const uint32_t bits : {0x7fc00000U, 0x7f800001U, 0xffffffffU}) {
    const auto nan = std::bit_cast<float>(bits);
    kernels().of(NumberType::kBf16).round({.in = {&nan, 1}, .rows = 1, .columns = 1, .out = result.rows()});
    EXPECT_TRUE(std::isnan(result.value(0, 0)));
  }
}

// What LayerNorm rounds is what it stores in fp32.
TEST_P(KernelsTest, LayerNormMayLeaveItsInputAlone) {
  for (const NumberType type : kTypes) {
    for (const int columns : {1, 16, 33}) {
      Matrix scale = random_matrix(1, columns, 1);
      Matrix bias = random_matrix(1, columns, 2);
      Matrix x = random_matrix(5, columns, 7, 3);
      const Matrix before = x;
      Matrix apart(5, columns);
      const auto run = [&](Rows out) {
        NumberMatrix rounded(type, Matrix(5, columns, 0.0F).rows(), 5, columns);
        kernels().of(type).layer_norm({.in = x.rows(),
                                       .out = out,
                                       .count = 5,
                                       .columns = columns,
                                       .scale = scale.rows().data,
                                       .bias = bias.rows().data,
                                       .epsilon = 1e-5F,
                                       .rounded = rounded.rows()});
        return rounded.bytes;
      };
      const std::vector<std::byte> rounded = run(apart.rows());
      EXPECT_EQ(x.values, before.values);
      const std::vector<std::byte> rounded_in_place = run(x.rows());
      EXPECT_EQ(rounded_in_place, rounded);
      EXPECT_EQ(x.values, apart.values) << columns << " columns, type " << static_cast<int>(type);
    }
  }
}

TEST_P(KernelsTest, LayerNormRoundsWhatItStores) {
  for (const int columns : {1, 7, 16, 33, 100, 768}) {
    Matrix scale = random_matrix(1, columns, 1);
    Matrix bias = random_matrix(1, columns, 2);
    for (const NumberType type : {NumberType::kBf16, NumberType::kInt8}) {
      Matrix x = random_matrix(5, columns, 7, 3);
      NumberMatrix rounded(type, x.rows(), 5, columns);
      kernels().of(type).layer_norm({.in = x.rows(),
                                     .out = x.rows(),
                                     .count = 5,
                                     .columns = columns,
                                     .scale = scale.rows().data,
                                     .bias = bias.rows().data,
                                     .epsilon = 1e-5F,
                                     .rounded = rounded.rows()});
      NumberMatrix expected(type, x.rows(), 5, columns);
      EXPECT_EQ(rounded.bytes, expected.bytes) << columns << " columns, type " << static_cast<int>(type);
      for (std::size_t r = 0; r < 5; ++r) EXPECT_EQ(rounded.scales[r].scale, expected.scales[r].scale);
    }
  }
}

TEST_P(KernelsTest, BytesDoNotHideNaN) {
  Matrix x = random_matrix(2, 40, 1);
  x.at(0, 3) = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> ones(40, 1.0F);
  NumberMatrix rounded(NumberType::kInt8, Matrix(2, 40, 0.0F).rows(), 2, 40);
  kernels()
      .of(NumberType::kInt8)
      .layer_norm({.in = x.rows(),
                   .out = x.rows(),
                   .count = 2,
                   .columns = 40,
                   .scale = ones.data(),
                   .bias = ones.data(),
                   .epsilon = 1e-5F,
                   .rounded = rounded.rows()});
  DenseLayer layer(20, 40, 1);
  Matrix out(2, 20);
  run_dense(kernels(), layer.pack(kernels(), NumberType::kInt8),
            {.in = rounded.rows(), .rows = 2, .epilogue = Epilogue::kStore, .out = out.rows()});
  for (int c = 0; c < 20; ++c) {
    EXPECT_TRUE(std::isnan(out.at(0, c)));
    EXPECT_FALSE(std::isnan(out.at(1, c)));
  }
}

TEST_P(KernelsTest, SumOfThreeRows) {
  for (int columns = 1; columns <= 50; ++columns) {
    Matrix parts = random_matrix(3, columns, static_cast<uint32_t>(columns));
    Matrix out(1, columns);
    kernels().sum({.a = parts.rows().row(0),
                   .b = parts.rows().row(1),
                   .c = parts.rows().row(2),
                   .columns = columns,
                   .out = out.rows().data});
    for (int c = 0; c < columns; ++c) {
      const double expected = static_cast<double>(parts.at(0, c)) + static_cast<double>(parts.at(1, c)) +
                              static_cast<double>(parts.at(2, c));
      ASSERT_NEAR(out.at(0, c), expected, 2 * kUnit * 3);  // two roundings of at most 3
    }
    for (int c = columns; c < columns + 3; ++c) ASSERT_EQ(out.at(0, c), kGuard);
  }
}

constexpr NumberType kAttentionTypes[] = {NumberType::kFp32, NumberType::kBf16};

struct AttentionCase {
  AttentionCase(int token_count, int dim, NumberType number_type = NumberType::kFp32)
      : type(number_type),
        tokens(token_count),
        head_dim(dim),
        query(random(0, 2 / std::sqrt(static_cast<float>(dim)))),
        key(random(1, 2)),
        value(random(2, 1)) {}

  NumberMatrix random(uint32_t seed, float scale) const {
    return {type, random_matrix(tokens, head_dim, static_cast<uint32_t>(tokens) + seed, scale).rows(), tokens,
            head_dim};
  }

  Matrix run(const Kernels& kernels) {
    Matrix out(tokens, head_dim);
    run_part(kernels, 0, tokens, out.rows());
    return out;
  }

  void limit(int before, int after) {
    visible_before = before;
    visible_after = after;
  }

  /// `out`: of the first of the queries.
  void run_part(const Kernels& kernels, int first, int queries, Rows out, NumberRows out_bf16 = {}) {
    const std::size_t size = kernels.attention_scratch(tokens, head_dim);
    std::vector<float> scratch(size + 1, kGuard);
    const AttentionArgs args{.query = query.from_row(first),
                             .key = key.rows(),
                             .value = value.rows(),
                             .queries = queries,
                             .tokens = tokens,
                             .head_dim = head_dim,
                             .place = first,
                             .visible_before = visible_before,
                             .visible_after = visible_after,
                             .bias = bias == nullptr ? nullptr : bias + first * bias_stride,
                             .bias_stride = bias_stride,
                             .out = out,
                             .out_bf16 = out_bf16,
                             .scratch = scratch.data()};
    (type == NumberType::kFp32 ? kernels.attention_fp32 : kernels.attention_bf16)(args);
    EXPECT_EQ(scratch[size], kGuard) << "scratch overrun";
  }

  NumberType type;
  int tokens;
  int head_dim;
  NumberMatrix query, key, value;
  int visible_before = -1;
  int visible_after = -1;
  const float* bias = nullptr;  // of the first query
  std::ptrdiff_t bias_stride = 0;
};

// A score is a sum of head_dim products of at most 4 / sqrt(head_dim) each, |score| <= 4 sqrt(head_dim): its error
// (head_dim + 1) u 4 sqrt(head_dim) shifts a weight by ln 2 times that, relatively. The exponential adds 2e-7, the sums
// over tokens (tokens + 2) u each, and the values are at most 1. In bf16 a weight that lies at a tie may be rounded to
// either side: two units of bf16.
double attention_bound(NumberType type, int tokens, int head_dim) {
  const double score = (head_dim + 1) * kUnit * 4 * std::sqrt(head_dim);
  const double ties = type == NumberType::kBf16 ? 2 * kBf16Unit : 0;
  return 2 * (std::numbers::ln2 * score + 2e-7 + ties) + 2 * (tokens + 2) * kUnit;
}

TEST_P(KernelsTest, Attention) {
  std::vector<int> lengths;
  for (int tokens = 1; tokens <= 33; ++tokens) lengths.push_back(tokens);
  lengths.insert(lengths.end(), {47, 48, 49, 64, 97, 127, 129});
  for (const NumberType type : kAttentionTypes) {
    for (const int head_dim : {1, 8, 15, 16, 20, 64, 80, 768}) {
      for (const int tokens : lengths) {
        AttentionCase one(tokens, head_dim, type);
        Matrix expected = one.run(reference());
        Matrix result = one.run(kernels());
        const double bound = attention_bound(type, tokens, head_dim);
        for (int c = 0; c < head_dim; ++c) {
          for (int r = 0; r < tokens; ++r) {
            ASSERT_NEAR(result.at(r, c), expected.at(r, c), bound)
                << tokens << " tokens of " << head_dim << ", row " << r << ", type " << static_cast<int>(type);
          }
        }
        for (int r = 0; r + 1 < tokens; ++r) ASSERT_EQ(result.at(r, head_dim), kGuard);
      }
    }
  }
}

TEST_P(KernelsTest, AttentionMayStoreBf16) {
  for (const int head_dim : {5, 16, 64}) {
    AttentionCase one(21, head_dim, NumberType::kBf16);
    const NumberMatrix expected(NumberType::kBf16, one.run(kernels()).rows(), 21, head_dim);
    NumberMatrix result(NumberType::kBf16, Matrix(21, head_dim, 0.0F).rows(), 21, head_dim);
    one.run_part(kernels(), 0, 21, {}, result.rows());
    EXPECT_EQ(result.bytes, expected.bytes) << head_dim;
  }
}

// Heads lie side by side in a row: what follows an odd one in its last word belongs to the next.
TEST_P(KernelsTest, AttentionReadsItsOwnHeadOnly) {
  AttentionCase one(9, 15, NumberType::kBf16);
  const Matrix alone = one.run(kernels());
  for (NumberMatrix* rows : {&one.query, &one.key, &one.value}) {
    for (int r = 0; r < 9; ++r) rows->from_row(r).data[31] = std::byte{0x40};  // 2 or so in the sixteenth column
  }
  EXPECT_EQ(one.run(kernels()).values, alone.values);
}

TEST_P(KernelsTest, AttentionRowsMayBeDividedInAnyWay) {
  for (const NumberType type : kAttentionTypes) {
    for (const int head_dim : {8, 64}) {
      AttentionCase one(37, head_dim, type);
      const Matrix whole = one.run(kernels());
      Matrix pieces(37, head_dim);
      for (int first = 0; first < 37;) {
        const int queries = std::min(1 + first % 4, 37 - first);
        one.run_part(kernels(), first, queries, {pieces.rows().row(first), pieces.stride});
        first += queries;
      }
      EXPECT_EQ(whole.values, pieces.values) << "type " << static_cast<int>(type);
    }
  }
}

// As the last block uses it: rows as wide as the hidden states, and the output in place of the queries.
TEST_P(KernelsTest, AttentionMayOverwriteItsQueries) {
  for (const int tokens : {1, 13, 40}) {
    AttentionCase one(tokens, 200);
    Matrix apart = one.run(kernels());
    const NumberRows query = one.query.rows();
    one.run_part(kernels(), 0, tokens, {reinterpret_cast<float*>(query.data), query.stride / sizeof(float)});
    for (int r = 0; r < tokens; ++r) {
      for (int c = 0; c < one.head_dim; ++c) {
        ASSERT_EQ(one.query.value(r, c), static_cast<double>(apart.at(r, c))) << tokens << " tokens";
      }
    }
  }
}

struct Window {
  int before;
  int after;
};

TEST_P(KernelsTest, QueriesMaySeeSomeKeysOnly) {
  for (const NumberType type : kAttentionTypes) {
    for (const auto [before, after] : {Window{-1, 0}, {0, 0}, {3, 3}, {0, -1}, {17, 2}, {64, 64}, {200, 200}}) {
      for (const int tokens : {1, 2, 16, 17, 49, 97, 151}) {
        AttentionCase one(tokens, 20, type);
        one.limit(before, after);
        Matrix expected = one.run(reference());
        Matrix result = one.run(kernels());
        for (int r = 0; r < tokens; ++r) {
          for (int c = 0; c < 20; ++c) {
            ASSERT_NEAR(result.at(r, c), expected.at(r, c), attention_bound(type, tokens, 20))
                << tokens << " tokens, " << before << " before, " << after << " after, row " << r;
          }
        }
        Matrix pieces(tokens, 20);
        for (int first = 0; first < tokens; first += 5) {
          one.run_part(kernels(), first, std::min(5, tokens - first), {pieces.rows().row(first), pieces.stride});
        }
        ASSERT_EQ(result.values, pieces.values) << tokens << " tokens, " << before << " before, " << after << " after";
      }
    }
  }
}

// The first key that a causal query sees is its own: its value comes back whatever the others hold.
TEST_P(KernelsTest, UnseenKeysWeighNothing) {
  AttentionCase one(40, 8);
  one.limit(0, 0);
  Matrix result = one.run(kernels());
  for (int r = 0; r < 40; ++r) {
    for (int c = 0; c < 8; ++c) ASSERT_NEAR(result.at(r, c), one.value.value(r, c), kUnit);
  }
}

TEST_P(KernelsTest, ScoresMayHaveABias) {
  for (const NumberType type : kAttentionTypes) {
    for (const int tokens : {1, 15, 33, 70}) {
      Matrix table = random_matrix(1, 2 * tokens - 1, 11, 3);  // by distance, from 1 - tokens on
      Matrix square = random_matrix(tokens, tokens, 12);
      for (int q = 0; q < tokens; ++q) {
        for (int k = 0; k < tokens; ++k) square.at(q, k) = table.at(0, k - q + tokens - 1);
      }
      AttentionCase one(tokens, 16, type);
      one.limit(tokens / 2, 20);
      one.bias = square.rows().data;
      one.bias_stride = static_cast<std::ptrdiff_t>(square.stride);
      Matrix expected = one.run(reference());
      Matrix result = one.run(kernels());
      for (int r = 0; r < tokens; ++r) {
        for (int c = 0; c < 16; ++c) {
          // The bias, at most 3, is added with one rounding more.
          ASSERT_NEAR(result.at(r, c), expected.at(r, c), attention_bound(type, tokens, 16) + 16 * kUnit);
        }
      }
      one.bias = table.rows().data + tokens - 1;
      one.bias_stride = -1;
      ASSERT_EQ(one.run(kernels()).values, result.values) << tokens << " tokens";
    }
  }
}

TEST_P(KernelsTest, RelativeScores) {
  for (const int tokens : {1, 7, 16, 40, 67}) {
    const int queries = std::min(tokens, 9);
    const int width = 30;
    std::vector<int32_t> columns;  // a few distances share one at either end
    for (int distance = 1 - tokens; distance < tokens; ++distance) columns.push_back(std::clamp(distance + 15, 0, 29));
    Matrix by_query = random_matrix(queries, width, 1);
    Matrix by_key = random_matrix(tokens, width, 2);
    for (const int parts : {1, 2, 3}) {
      Matrix expected(queries, tokens);
      Matrix result = expected;
      const auto run = [&](const Kernels& level, Matrix& out) {
        level.relative_scores({.columns = columns.data() + tokens - 1,
                               .by_query = (parts & 1) != 0 ? ConstRows(by_query.rows()) : ConstRows(),
                               .by_key = (parts & 2) != 0 ? ConstRows(by_key.rows()) : ConstRows(),
                               .queries = queries,
                               .tokens = tokens,
                               .out = out.rows()});
      };
      run(reference(), expected);
      run(kernels(), result);
      EXPECT_EQ(result.values, expected.values) << tokens << " tokens, parts " << parts;  // one sum, rounded once
    }
  }
}

TEST_P(KernelsTest, Rotation) {
  for (const NumberType type : kAttentionTypes) {
    for (const int half : {1, 5, 8, 16, 20, 32}) {
      const int rows = 3;
      const int heads = 2;
      Matrix turns = random_matrix(rows, 2 * half, 3);
      std::vector<float> packed;
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < 2 * half; ++c) packed.push_back(turns.at(r, c));
      }
      Matrix before = random_matrix(rows, heads * 2 * half, 4);
      NumberMatrix expected(type, before.rows(), rows, heads * 2 * half);
      NumberMatrix result = expected;
      const auto run = [&](const Kernels& level, NumberMatrix& matrix) {
        (type == NumberType::kFp32 ? level.rotate_fp32 : level.rotate_bf16)(
            {.rows = matrix.rows(), .count = rows, .heads = heads, .half = half, .turns = packed.data()});
      };
      run(reference(), expected);
      run(kernels(), result);
      // Two products of at most 1 and their sum; in bf16 the last rounding may fall to either side of a tie.
      const double bound = type == NumberType::kFp32 ? 4 * kUnit : 2 * 2 * kBf16Unit;
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < heads * 2 * half; ++c) ASSERT_NEAR(result.value(r, c), expected.value(r, c), bound);
      }
    }
  }
}

// Two tokens with values 0 and 1 and scores 0 and -x: the output is 2^-x / (1 + 2^-x). Three roundings beside the
// exponential's 2e-7.
TEST_P(KernelsTest, ExponentialIsWithinItsBound) {
  for (int i = 0; i <= 4000; ++i) {
    const float x = static_cast<float>(i) * 0.025F;
    const float one = 1;
    const float keys[] = {0, -x};
    const float values[] = {0, 1};
    std::vector<float> scratch(kernels().attention_scratch(2, 1));
    float out = 0;
    const auto numbers = [](const float* from) {
      return ConstNumberRows{reinterpret_cast<const std::byte*>(from), sizeof(float), nullptr};
    };
    kernels().attention_fp32({.query = numbers(&one),
                              .key = numbers(keys),
                              .value = numbers(values),
                              .queries = 1,
                              .tokens = 2,
                              .head_dim = 1,
                              .out = {&out, 1},
                              .scratch = scratch.data()});
    const double weight = std::exp2(-static_cast<double>(x));
    const double expected = weight / (1 + weight);
    ASSERT_NEAR(static_cast<double>(out) / expected, 1.0, 2e-7 + 3 * kUnit) << "2^-" << x;
  }
}

TEST(KernelsDispatch, BestSupportedLevelComesFirst) {
  EXPECT_EQ(find_kernels("").name, supported_levels().front()->name);
  EXPECT_EQ(all_kernels().back()->name, "reference");
}

TEST(KernelsDispatch, UnknownLevelIsRefusedWithTheOnesThereAre) {
  try {
    find_kernels("neon");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("PACELINE_FORCE_ISA=neon"), testing::HasSubstr("reference")));
  }
}

// Under ctest this runs once per level with PACELINE_FORCE_ISA set: it fails when another level is the one in use.
TEST(KernelsDispatch, ForcedLevelIsTheActiveOne) {
  const char* forced = std::getenv("PACELINE_FORCE_ISA");
  EXPECT_EQ(active_kernels().name, forced == nullptr ? supported_levels().front()->name : forced);
}

}  // namespace
}  // namespace paceline
