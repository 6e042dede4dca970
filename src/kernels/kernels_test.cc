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
#include "kernels/peak.h"
#include "kernels/testing/matrices.h"
#include "paceline/error.h"

namespace paceline {
namespace {

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

  /// A column's weights as they are kept: int8 has 127 steps to the largest.
  std::vector<double> kept(NumberType type, int column) {
    float largest = 0;
    for (int k = 0; k < in(); ++k) largest = std::max(largest, std::abs(weight.at(column, k)));
    std::vector<double> values;
    for (int k = 0; k < in(); ++k) {
      const float x = weight.at(column, k);
      if (type == NumberType::kFp32) {
        values.push_back(static_cast<double>(x));
      } else if (type == NumberType::kBf16) {
        values.push_back(NumberMatrix(type, {&x, 1}, 1, 1).value(0, 0));
      } else {
        values.push_back(static_cast<double>(largest / 127) * std::nearbyint(static_cast<double>(x * (127 / largest))));
      }
    }
    return values;
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

/// Written down a second time: the reference level, too, is held against something else than itself.
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

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }

  /// Normalises two rows of 40 in place and gives what is stored of them in bytes.
  NumberMatrix layer_norm_in_bytes(Matrix& x) const {
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
    return rounded;
  }

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
    for (int c = 0; c < out; ++c) {
      const std::vector<double> weights = layer.kept(type, c);
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
  NumberMatrix rounded = layer_norm_in_bytes(x);
  DenseLayer layer(20, 40, 1);
  Matrix out(2, 20);
  run_dense(kernels(), layer.pack(kernels(), NumberType::kInt8),
            {.in = rounded.rows(), .rows = 2, .epilogue = Epilogue::kStore, .out = out.rows()});
  for (int c = 0; c < 20; ++c) {
    EXPECT_TRUE(std::isnan(out.at(0, c)));
    EXPECT_FALSE(std::isnan(out.at(1, c)));
  }
}

// The scale says it wherever in a row it stands, and whatever numbers follow: vectors keep a maximum in lanes.
TEST_P(KernelsTest, BytesDoNotHideWhatIsNotFinite) {
  for (const int columns : {1, 5, 16, 17, 40, 70}) {
    for (int place = 0; place < columns; ++place) {
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()}) {
        Matrix x = random_matrix(2, columns, 7);
        x.at(0, place) = bad;
        NumberMatrix rounded(NumberType::kInt8, Matrix(2, columns, 0.0F).rows(), 2, columns);
        kernels().of(NumberType::kInt8).round({.in = x.rows(), .rows = 2, .columns = columns, .out = rounded.rows()});
        EXPECT_TRUE(std::isnan(rounded.scales[0].scale)) << bad << " at " << place << " of " << columns;
        EXPECT_TRUE(std::isfinite(rounded.scales[1].scale));
      }
    }
  }
}

// A row whose mean or variance overflows may become NaN, or its bias: bytes say NaN where the row has one.
TEST_P(KernelsTest, LayerNormInBytesIsFiniteWhereItsRowIs) {
  for (const float scale : {1.0F, 1e18F, 1e20F, 1e30F, 3e38F}) {
    Matrix x = random_matrix(2, 40, 3, scale);
    for (int c = 0; c < 40; ++c) x.at(1, c) = std::abs(x.at(1, c));
    const NumberMatrix rounded = layer_norm_in_bytes(x);
    for (int r = 0; r < 2; ++r) {
      const float* row = x.rows().row(r);
      const bool finite = std::all_of(row, row + 40, [](float value) { return std::isfinite(value); });
      EXPECT_EQ(std::isfinite(rounded.scales[static_cast<std::size_t>(r)].scale), finite) << scale << ", row " << r;
    }
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
TEST(KernelsDispatch, EachLevelHasALoopForTheRoof) {
  for (const Kernels* kernels : all_kernels()) {
    const auto is_for = [&](const PeakLoop& loop) {
      return loop.kind == PeakKind::kFp32 && std::ranges::count(loop.levels, kernels->name) == 1;
    };
    EXPECT_EQ(std::ranges::count_if(peak_loops(), is_for), 1) << kernels->name;
  }
}

TEST(KernelsDispatch, ForcedLevelIsTheActiveOne) {
  const char* forced = std::getenv("PACELINE_FORCE_ISA");
  EXPECT_EQ(active_kernels().name, forced == nullptr ? supported_levels().front()->name : forced);
}

}  // namespace
}  // namespace paceline
