#include "kernels/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "kernels/packed_dense.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// Unit roundoff of fp32.
constexpr double kUnit = 1.0 / (1 << 24);
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

struct DenseLayer {
  DenseLayer(int out, int in, uint32_t seed)
      : weight(random_matrix(out, in, seed)), bias(random_matrix(1, out, seed + 1)) {}

  PackedDense pack(const Kernels& kernels) {
    const int32_t outputs[] = {static_cast<int32_t>(weight.values.size() / weight.stride)};
    PackedDense packed(kernels, static_cast<int32_t>(weight.stride) - 3, outputs);
    for (int32_t i = 0; i < static_cast<int32_t>(packed.panels().size()); ++i) {
      const int32_t first = packed.origins()[static_cast<std::size_t>(i)].first;
      const auto columns = static_cast<std::size_t>(packed.panels()[static_cast<std::size_t>(i)].columns);
      packed.fill(i, {weight.rows().row(first), weight.stride}, {bias.rows().data + first, columns});
    }
    return packed;
  }

  Matrix weight;
  Matrix bias;
};

void run_dense(const Kernels& kernels, const PackedDense& packed, Matrix& in, int rows, Epilogue epilogue, Rows out) {
  kernels.dense({.in = in.rows(),
                 .rows = rows,
                 .depth = packed.depth(),
                 .panels = packed.panels().data(),
                 .panel_count = static_cast<int32_t>(packed.panels().size()),
                 .epilogue = epilogue,
                 .out = out});
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
    case Epilogue::kStore:
      return y;
  }
  return y;
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
  // 3.1); bias, residual and the final rounding add three operations more. The functions' own error comes on top;
  // none of them has a slope above 1.13 (GELU). A dropped or doubled term is 1 / depth of the sum, far outside.
  void check_dense(int rows, int out, int in, Epilogue epilogue) {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << in << " -> " << out << ", epilogue "
                                    << static_cast<int>(epilogue));
    DenseLayer layer(out, in, static_cast<uint32_t>(out * 1000 + in));
    Matrix x = random_matrix(rows, in, static_cast<uint32_t>(rows));
    Matrix before = random_matrix(rows, out, 5);
    Matrix result = before;
    run_dense(kernels(), layer.pack(kernels()), x, rows, epilogue, result.rows());
    const double function_error = epilogue == Epilogue::kGelu || epilogue == Epilogue::kTanh ? 5e-7 : 0;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < out; ++c) {
        double sum = static_cast<double>(layer.bias.at(0, c));
        double magnitude = std::abs(sum) + std::abs(static_cast<double>(before.at(r, c)));
        for (int k = 0; k < in; ++k) {
          const double product = static_cast<double>(x.at(r, k)) * static_cast<double>(layer.weight.at(c, k));
          sum += product;
          magnitude += std::abs(product);
        }
        const double expected = activate(epilogue, sum, static_cast<double>(before.at(r, c)));
        ASSERT_NEAR(static_cast<double>(result.at(r, c)), expected,
                    1.13 * (in + 3) * kUnit * magnitude + function_error)
            << "row " << r << ", column " << c;
      }
      for (int c = out; c < out + 3 && r + 1 < rows; ++c) ASSERT_EQ(result.at(r, c), kGuard) << "written past the row";
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Isa, KernelsTest, testing::ValuesIn(supported_levels()),
                         [](const auto& param_info) { return std::string(param_info.param->name); });

TEST_P(KernelsTest, DenseAtEveryRowCount) {
  for (int rows = 1; rows <= 33; ++rows) check_dense(rows, 50, 37, Epilogue::kStore);
  for (const int rows : {127, 129, 145, 300}) check_dense(rows, 50, 19, Epilogue::kStore);
}

TEST_P(KernelsTest, DenseAtEveryWidth) {
  for (int out = 1; out <= 100; ++out) check_dense(9, out, 24, Epilogue::kStore);
  check_dense(20, 768, 40, Epilogue::kStore);
}

TEST_P(KernelsTest, DenseAtEveryDepth) {
  for (int in = 1; in <= 50; ++in) check_dense(7, 49, in, Epilogue::kStore);
  check_dense(10, 64, 3072, Epilogue::kStore);
}

TEST_P(KernelsTest, DenseEpilogues) {
  for (const Epilogue epilogue : {Epilogue::kAdd, Epilogue::kGelu, Epilogue::kTanh, Epilogue::kRelu}) {
    check_dense(17, 61, 40, epilogue);
    check_dense(1, 5, 64, epilogue);
  }
}

TEST_P(KernelsTest, RowsAndPanelsMayBeDividedInAnyWay) {
  constexpr int kRows = 31;
  constexpr int kOut = 130;
  DenseLayer layer(kOut, 77, 1);
  const PackedDense packed = layer.pack(kernels());
  Matrix x = random_matrix(kRows, 77, 2);
  Matrix whole(kRows, kOut);
  run_dense(kernels(), packed, x, kRows, Epilogue::kGelu, whole.rows());
  Matrix pieces(kRows, kOut);
  for (int first = 0; first < kRows;) {
    const int rows = std::min(1 + first % 5, kRows - first);
    for (const WeightPanel& panel : packed.panels()) {
      kernels().dense({.in = {x.rows().row(first), x.stride},
                       .rows = rows,
                       .depth = packed.depth(),
                       .panels = &panel,
                       .panel_count = 1,
                       .epilogue = Epilogue::kGelu,
                       .out = {pieces.rows().row(first), pieces.stride}});
    }
    first += rows;
  }
  EXPECT_EQ(whole.values, pieces.values);
}

TEST_P(KernelsTest, PartsBeginAtTheirOwnPanels) {
  const int32_t outputs[] = {40, 40, 7};
  const PackedDense packed(kernels(), 8, outputs);
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
  PackedDense packed(kernels, 1, outputs);
  const std::vector<float> zero(points.size(), 0.0F);
  for (int32_t i = 0; i < static_cast<int32_t>(packed.panels().size()); ++i) {
    const auto first = static_cast<std::size_t>(packed.origins()[static_cast<std::size_t>(i)].first);
    const auto columns = static_cast<std::size_t>(packed.panels()[static_cast<std::size_t>(i)].columns);
    packed.fill(i, {points.data() + first, 1}, {zero.data(), columns});
  }
  Matrix one(1, 1, 1.0F);
  std::vector<float> result(points.size());
  run_dense(kernels, packed, one, 1, epilogue, {result.data(), result.size()});
  return result;
}

TEST_P(KernelsTest, GeluAndTanhAreWithinTheirBounds) {
  std::vector<float> points;
  for (int i = -60000; i <= 60000; ++i) points.push_back(static_cast<float>(i) * 2e-4F);
  points.insert(points.end(), {-1e30F, -100.0F, -0.0F, 100.0F, 1e30F, 1e-30F});
  for (const Epilogue epilogue : {Epilogue::kGelu, Epilogue::kTanh}) {
    const std::vector<float> result = apply(kernels(), epilogue, points);
    double worst = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double expected = activate(epilogue, static_cast<double>(points[i]), 0);
      // A result as large as its argument is rounded like any fp32: half a unit in the last place.
      const double error = std::abs(static_cast<double>(result[i]) - expected) - kUnit * std::abs(expected);
      worst = std::max(worst, error);
    }
    EXPECT_LE(worst, 5e-7) << "epilogue " << static_cast<int>(epilogue);
  }
}

TEST_P(KernelsTest, NaNIsNotHidden) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kGelu, Epilogue::kTanh}) {
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
      level.layer_norm({.rows = matrix.rows(),
                        .count = rows,
                        .columns = columns,
                        .scale = scale.rows().data,
                        .bias = bias.rows().data,
                        .epsilon = 1e-5F});
    };
    run(*all_kernels().back(), expected);
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

struct AttentionCase {
  AttentionCase(int token_count, int dim)
      : tokens(token_count),
        head_dim(dim),
        query(random_matrix(tokens, head_dim, static_cast<uint32_t>(tokens), 2 / std::sqrt(static_cast<float>(dim)))),
        key(random_matrix(tokens, head_dim, static_cast<uint32_t>(tokens) + 1, 2)),
        value(random_matrix(tokens, head_dim, static_cast<uint32_t>(tokens) + 2)) {}

  Matrix run(const Kernels& kernels) {
    Matrix out(tokens, head_dim);
    run_part(kernels, 0, tokens, out);
    return out;
  }

  void run_part(const Kernels& kernels, int first, int queries, Matrix& out) {
    const std::size_t size = kernels.attention_scratch(tokens, head_dim);
    std::vector<float> scratch(size + 1, kGuard);
    const AttentionArgs args{.query = {query.rows().row(first), query.stride},
                             .key = key.rows(),
                             .value = value.rows(),
                             .queries = queries,
                             .tokens = tokens,
                             .head_dim = head_dim,
                             .out = {out.rows().row(first), out.stride},
                             .scratch = scratch.data()};
    kernels.attention(args);
    EXPECT_EQ(scratch[size], kGuard) << "scratch overrun";
  }

  int tokens;
  int head_dim;
  Matrix query, key, value;
};

// A score is a sum of head_dim products of at most 4 / sqrt(head_dim) each, |score| <= 4 sqrt(head_dim): its error
// (head_dim + 1) u 4 sqrt(head_dim) shifts a weight by ln 2 times that, relatively. The exponential adds 2e-7, the sums
// over tokens (tokens + 2) u each, and the values are at most 1.
double attention_bound(int tokens, int head_dim) {
  const double score = (head_dim + 1) * kUnit * 4 * std::sqrt(head_dim);
  return 2 * (std::numbers::ln2 * score + 2e-7) + 2 * (tokens + 2) * kUnit;
}

TEST_P(KernelsTest, Attention) {
  std::vector<int> lengths;
  for (int tokens = 1; tokens <= 33; ++tokens) lengths.push_back(tokens);
  lengths.insert(lengths.end(), {47, 48, 49, 64, 97, 127, 129});
  for (const int head_dim : {1, 8, 16, 20, 64, 80, 768}) {
    for (const int tokens : lengths) {
      AttentionCase one(tokens, head_dim);
      Matrix expected = one.run(*all_kernels().back());
      Matrix result = one.run(kernels());
      const double bound = attention_bound(tokens, head_dim);
      for (int c = 0; c < head_dim; ++c) {
        for (int r = 0; r < tokens; ++r) {
          ASSERT_NEAR(result.at(r, c), expected.at(r, c), bound)
              << tokens << " tokens of " << head_dim << ", row " << r;
        }
      }
      for (int r = 0; r + 1 < tokens; ++r) ASSERT_EQ(result.at(r, head_dim), kGuard);
    }
  }
}

TEST_P(KernelsTest, AttentionRowsMayBeDividedInAnyWay) {
  for (const int head_dim : {8, 64}) {
    AttentionCase one(37, head_dim);
    const Matrix whole = one.run(kernels());
    Matrix pieces(37, head_dim);
    for (int first = 0; first < 37;) {
      const int queries = std::min(1 + first % 4, 37 - first);
      one.run_part(kernels(), first, queries, pieces);
      first += queries;
    }
    EXPECT_EQ(whole.values, pieces.values);
  }
}

// As the last block uses it: rows as wide as the hidden states, and the output in place of the queries.
TEST_P(KernelsTest, AttentionMayOverwriteItsQueries) {
  for (const int tokens : {1, 13, 40}) {
    AttentionCase one(tokens, 200);
    Matrix apart = one.run(kernels());
    one.run_part(kernels(), 0, tokens, one.query);
    for (int r = 0; r < tokens; ++r) {
      for (int c = 0; c < one.head_dim; ++c) ASSERT_EQ(one.query.at(r, c), apart.at(r, c)) << tokens << " tokens";
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
    kernels().attention({.query = {&one, 1},
                         .key = {keys, 1},
                         .value = {values, 1},
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
