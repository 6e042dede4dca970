#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace paceline {
namespace {

// 24 sums, 3 weights and a broadcast: 28 of 32 registers, and one broadcast for 3 multiply-adds. On Zen 4 it beats
// 14 x 32 by 3-6 %.
constexpr int kTileRows = 8;
constexpr int kTileVectors = 3;

struct Vec {
  static constexpr int kWidth = 16;
  __m512 v;
};

[[gnu::always_inline]] inline __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1U << count) - 1U); }

[[gnu::always_inline]] inline Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
[[gnu::always_inline]] inline Vec load(const float* from) { return {_mm512_loadu_ps(from)}; }
[[gnu::always_inline]] inline Vec load_first(const float* from, int count) {
  return {_mm512_maskz_loadu_ps(first_lanes(count), from)};
}
[[gnu::always_inline]] inline void store(float* to, Vec a) { _mm512_storeu_ps(to, a.v); }
[[gnu::always_inline]] inline void store_first(float* to, int count, Vec a) {
  _mm512_mask_storeu_ps(to, first_lanes(count), a.v);
}
[[gnu::always_inline]] inline Vec keep_first(Vec a, int count) {
  return {_mm512_maskz_mov_ps(first_lanes(count), a.v)};
}
[[gnu::always_inline]] inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec subtract(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec multiply(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec divide(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec square_root(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
[[gnu::always_inline]] inline Vec multiply_add(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// The second operand where either is NaN.
[[gnu::always_inline]] inline Vec minimum(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec maximum(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec absolute(Vec a) { return {_mm512_abs_ps(a.v)}; }
[[gnu::always_inline]] inline Vec round_to_integer(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
[[gnu::always_inline]] inline Vec scale_by_power(Vec a, Vec power) { return {_mm512_scalef_ps(a.v, power.v)}; }
[[gnu::always_inline]] inline float sum_of(Vec a) { return _mm512_reduce_add_ps(a.v); }
[[gnu::always_inline]] inline float max_of(Vec a) { return _mm512_reduce_max_ps(a.v); }
[[gnu::always_inline]] inline void prefetch(const float* line) { _mm_prefetch(line, _MM_HINT_T1); }
[[gnu::always_inline]] inline void prefetch_close(const float* line) { _mm_prefetch(line, _MM_HINT_T0); }

/// to[j][i] = from[i][j] for i < rows and j < columns; to's further lanes become zero.
void transpose_block(ConstRows from, int rows, int columns, Rows to) {
  __m512 a[16];
  __m512 b[16];
  const __mmask16 kept = first_lanes(columns);
  for (int i = 0; i < 16; ++i) {
    a[i] = i < rows ? _mm512_maskz_loadu_ps(kept, from.data + static_cast<std::size_t>(i) * from.stride)
                    : _mm512_setzero_ps();
  }
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // lane L of a[i + j]: column 4 L + j of rows i to i + 3
    a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512 low_even = _mm512_shuffle_f32x4(a[j], a[j + 4], 0x88);
    const __m512 low_odd = _mm512_shuffle_f32x4(a[j], a[j + 4], 0xdd);
    const __m512 high_even = _mm512_shuffle_f32x4(a[j + 8], a[j + 12], 0x88);
    const __m512 high_odd = _mm512_shuffle_f32x4(a[j + 8], a[j + 12], 0xdd);
    b[j] = _mm512_shuffle_f32x4(low_even, high_even, 0x88);
    b[j + 8] = _mm512_shuffle_f32x4(low_even, high_even, 0xdd);
    b[j + 4] = _mm512_shuffle_f32x4(low_odd, high_odd, 0x88);
    b[j + 12] = _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd);
  }
  for (int j = 0; j < columns; ++j) _mm512_storeu_ps(to.data + static_cast<std::size_t>(j) * to.stride, b[j]);
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

bool supported() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

constexpr Kernels kTable{
    .name = "avx512",
    .description = "AVX-512 F, BW, DQ, VL; tile 8 x 48",
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

const Kernels* avx512_kernels() { return &kTable; }

}  // namespace paceline
