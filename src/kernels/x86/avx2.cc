#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx2,fma")
namespace paceline {
namespace {

#include "kernels/x86/avx2.inl.h"

#include "kernels/x86/numbers.inl.h"

using DotBf16 = DotBf16ByFma;
using DotInt8 = DotInt8ByWidening;

[[gnu::always_inline]] inline Halves nearest_bf16(Vec a) { return nearest_bf16_by_integers(a); }

#include "kernels/x86/functions.inl.h"

#include "kernels/x86/gelu_polynomial.inl.h"

#include "kernels/x86/level.inl.h"

}  // namespace
}  // namespace paceline
PACELINE_TARGET_END

namespace paceline {
namespace {

constexpr Kernels kTable = make_table("avx2", "AVX2, FMA; tile 6 x 16", cpu_has_avx2);

}  // namespace

const Kernels* avx2_kernels() { return &kTable; }

}  // namespace paceline
