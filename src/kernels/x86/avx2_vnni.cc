#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx2,fma,avxvnni")
namespace paceline {
namespace {

#include "kernels/x86/avx2.inl.h"

#include "kernels/x86/numbers.inl.h"

using DotBf16 = DotBf16ByFma;

[[gnu::always_inline]] inline Halves nearest_bf16(Vec a) { return nearest_bf16_by_integers(a); }

/// VPDPBUSD: four products and the sum, exact. Written as an instruction: of the intrinsic GCC 12 makes two moves and a
/// spill for each sum, and half the speed.
struct DotInt8 : WholeWords, IntegerSums {
  static constexpr NumberType kType = NumberType::kInt8;
  [[gnu::always_inline]] static Word accumulate(Word sum, Word x, Word w) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.v) : "x"(x.v), "x"(w.v));
    return sum;
  }
};

#include "kernels/x86/functions.inl.h"

#include "kernels/x86/gelu_polynomial.inl.h"

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
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && cpu_has_avx_vnni();
}

constexpr Kernels kTable = make_table("avx2_vnni", "AVX2 with AVX-VNNI; tile 6 x 16", supported);

}  // namespace

const Kernels* avx2_vnni_kernels() { return &kTable; }

}  // namespace paceline
