#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")
namespace paceline {
namespace {

#include "kernels/x86/avx512.inl.h"

#include "kernels/x86/numbers.inl.h"

/// VDPBF16PS: two products and the sum; it reads and gives denormals as 0.
struct DotBf16 : WholeWords, FloatSums {
  static constexpr NumberType kType = NumberType::kBf16;
  [[gnu::always_inline]] static Vec accumulate(Vec sum, Word x, Word w) {
    return {_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(x.v), reinterpret_cast<__m512bh>(w.v))};
  }
};

/// The nearest bf16, ties to even; denormals become 0.
[[gnu::always_inline]] inline Halves nearest_bf16(Vec a) {
  return {reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(a.v))};
}

using DotInt8 = DotInt8ByVnni;

#include "kernels/x86/functions.inl.h"

#include "kernels/x86/gelu_table.inl.h"

#include "kernels/x86/level.inl.h"

}  // namespace
}  // namespace paceline
PACELINE_TARGET_END

namespace paceline {
namespace {

constexpr Kernels kTable = make_table("avx512_bf16", "AVX-512 with VNNI and BF16; tile 8 x 48", cpu_has_avx512_bf16);

}  // namespace

const Kernels* avx512_bf16_kernels() { return &kTable; }

}  // namespace paceline
