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

/// VPDPBUSD: four products and the sum, exact. Written as an instruction: of the intrinsic GCC 12 makes two moves and a
/// spill for each sum, and half the speed.
struct DotInt8 : WholeWords, IntegerSums {
  static constexpr NumberType kType = NumberType::kInt8;
  [[gnu::always_inline]] static Word accumulate(Word sum, Word x, Word w) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(x.v), "v"(w.v));
    return sum;
  }
};

#include "kernels/x86/functions.inl.h"

#include "kernels/x86/gelu_table.inl.h"

#include "kernels/x86/dense.inl.h"

#include "kernels/x86/attention.inl.h"
#include "kernels/x86/rows.inl.h"

#include "kernels/x86/table.inl.h"

}  // namespace
}  // namespace paceline
PACELINE_TARGET_END

namespace paceline {
namespace {

bool supported() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bf16") != 0 &&
         __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

constexpr Kernels kTable = make_table("avx512_bf16", "AVX-512 with VNNI and BF16; tile 8 x 48", supported);

}  // namespace

const Kernels* avx512_bf16_kernels() { return &kTable; }

}  // namespace paceline
