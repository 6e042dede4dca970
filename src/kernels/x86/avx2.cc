#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx2,fma")
namespace paceline {
namespace {

// 12 sums, 2 weights and a broadcast: 15 of 16 registers.
constexpr int kTileRows = 6;
constexpr int kTileVectors = 2;

struct Vec {
  static constexpr int kWidth = 8;
  __m256 v;
};

/// All bits set in the first `count` lanes.
[[gnu::always_inline]] inline __m256i first_lanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

[[gnu::always_inline]] inline Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
[[gnu::always_inline]] inline Vec load(const float* from) { return {_mm256_loadu_ps(from)}; }
[[gnu::always_inline]] inline Vec load_first(const float* from, int count) {
  return {_mm256_maskload_ps(from, first_lanes(count))};
}
[[gnu::always_inline]] inline void store(float* to, Vec a) { _mm256_storeu_ps(to, a.v); }
[[gnu::always_inline]] inline void store_first(float* to, int count, Vec a) {
  _mm256_maskstore_ps(to, first_lanes(count), a.v);
}
[[gnu::always_inline]] inline Vec keep_first(Vec a, int count) {
  return {_mm256_and_ps(a.v, _mm256_castsi256_ps(first_lanes(count)))};
}
[[gnu::always_inline]] inline Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec subtract(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec multiply(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec divide(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec square_root(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
[[gnu::always_inline]] inline Vec multiply_add(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
// The second operand where either is NaN.
[[gnu::always_inline]] inline Vec minimum(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec maximum(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec absolute(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v)}; }
[[gnu::always_inline]] inline Vec round_to_integer(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// a * 2^power for -126 <= power <= 127: the power becomes the exponent of a float.
[[gnu::always_inline]] inline Vec scale_by_power(Vec a, Vec power) {
  constexpr int kBias = 127;
  constexpr int kMantissaBits = 23;
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power.v), _mm256_set1_epi32(kBias));
  return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, kMantissaBits)))};
}
[[gnu::always_inline]] inline float sum_of(Vec a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
[[gnu::always_inline]] inline float max_of(Vec a) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
[[gnu::always_inline]] inline void prefetch(const float* line) { _mm_prefetch(line, _MM_HINT_T1); }
[[gnu::always_inline]] inline void prefetch_close(const float* line) { _mm_prefetch(line, _MM_HINT_T0); }

/// to[j][i] = from[i][j] for i < rows and j < columns; to's further lanes become zero.
void transpose_block(ConstRows from, int rows, int columns, Rows to) {
  __m256 a[8];
  __m256 b[8];
  for (int i = 0; i < 8; ++i) {
    a[i] =
        i < rows ? load_first(from.data + static_cast<std::size_t>(i) * from.stride, columns).v : _mm256_setzero_ps();
  }
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {  // lane L of a[i + j]: column 4 L + j of rows i to i + 3
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int j = 0; j < 4; ++j) {
    b[j] = _mm256_permute2f128_ps(a[j], a[j + 4], 0x20);
    b[j + 4] = _mm256_permute2f128_ps(a[j], a[j + 4], 0x31);
  }
  for (int j = 0; j < columns; ++j) _mm256_storeu_ps(to.data + static_cast<std::size_t>(j) * to.stride, b[j]);
}

#include "kernels/x86/functions.inl.h"

#include "kernels/x86/dense.inl.h"

#include "kernels/x86/attention.inl.h"
#include "kernels/x86/rows.inl.h"

}  // namespace
}  // namespace paceline
PACELINE_TARGET_END

namespace paceline {
namespace {

bool supported() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }

constexpr Kernels kTable{
    .name = "avx2",
    .description = "AVX2, FMA; tile 6 x 16",
    .supported = supported,
    .lanes = Vec::kWidth,
    .panel_columns = kPanelColumns,
    .pack_panel = pack_panel,
    .dense = dense,
    .layer_norm = layer_norm,
    .sum = sum,
    .attention = attention,
    .attention_scratch = attention_scratch,
};

}  // namespace

const Kernels* avx2_kernels() { return &kTable; }

}  // namespace paceline
