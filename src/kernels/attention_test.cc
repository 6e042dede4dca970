// Attention and what goes with it, at every level, against the reference.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/testing/matrices.h"

namespace paceline {
namespace {

class AttentionKernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Isa, AttentionKernelsTest, testing::ValuesIn(supported_levels()),
                         [](const auto& param_info) { return std::string(param_info.param->name); });

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

TEST_P(AttentionKernelsTest, Attention) {
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

TEST_P(AttentionKernelsTest, AttentionMayStoreBf16) {
  for (const int head_dim : {5, 16, 64}) {
    AttentionCase one(21, head_dim, NumberType::kBf16);
    const NumberMatrix expected(NumberType::kBf16, one.run(kernels()).rows(), 21, head_dim);
    NumberMatrix result(NumberType::kBf16, Matrix(21, head_dim, 0.0F).rows(), 21, head_dim);
    one.run_part(kernels(), 0, 21, {}, result.rows());
    EXPECT_EQ(result.bytes, expected.bytes) << head_dim;
  }
}

// Heads lie side by side in a row: what follows an odd one in its last word belongs to the next.
TEST_P(AttentionKernelsTest, AttentionReadsItsOwnHeadOnly) {
  AttentionCase one(9, 15, NumberType::kBf16);
  const Matrix alone = one.run(kernels());
  for (NumberMatrix* rows : {&one.query, &one.key, &one.value}) {
    for (int r = 0; r < 9; ++r) rows->from_row(r).data[31] = std::byte{0x40};  // 2 or so in the sixteenth column
  }
  EXPECT_EQ(one.run(kernels()).values, alone.values);
}

TEST_P(AttentionKernelsTest, AttentionRowsMayBeDividedInAnyWay) {
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
TEST_P(AttentionKernelsTest, AttentionMayOverwriteItsQueries) {
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

TEST_P(AttentionKernelsTest, QueriesMaySeeSomeKeysOnly) {
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
TEST_P(AttentionKernelsTest, UnseenKeysWeighNothing) {
  AttentionCase one(40, 8);
  one.limit(0, 0);
  Matrix result = one.run(kernels());
  for (int r = 0; r < 40; ++r) {
    for (int c = 0; c < 8; ++c) ASSERT_NEAR(result.at(r, c), one.value.value(r, c), kUnit);
  }
}

TEST_P(AttentionKernelsTest, ScoresMayHaveABias) {
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

TEST_P(AttentionKernelsTest, RelativeScores) {
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

TEST_P(AttentionKernelsTest, Rotation) {
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
TEST_P(AttentionKernelsTest, ExponentialIsWithinItsBound) {
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

}  // namespace
}  // namespace paceline
