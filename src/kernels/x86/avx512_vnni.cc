#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
namespace paceline {
namespace {

#include "kernels/x86/avx512.inl.h"

#include "kernels/x86/numbers.inl.h"

using DotBf16 = DotBf16ByFma;

[[gnu::always_inline]] inline Halves nearest_bf16(Vec a) { return nearest_bf16_by_integers(a); }

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
         __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx2") != 0 &&
         __builtin_cpu_supports("fma") != 0;
}

constexpr Kernels kTable = make_table("avx512_vnni", "AVX-512 with VNNI; tile 8 x 48", supported);

}  // namespace

const Kernels* avx512_vnni_kernels() { return &kTable; }

}  // namespace paceline
