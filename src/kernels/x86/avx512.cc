#include <immintrin.h>

#include <utility>

#include "kernels/kernels.h"
#include "kernels/x86/polynomials.h"
#include "kernels/x86/target.h"

PACELINE_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace paceline {
namespace {

#include "kernels/x86/avx512.inl.h"

#include "kernels/x86/numbers.inl.h"

using DotBf16 = DotBf16ByFma;
using DotInt8 = DotInt8ByWidening;

[[gnu::always_inline]] inline Halves nearest_bf16(Vec a) { return nearest_bf16_by_integers(a); }

#include "kernels/x86/functions.inl.h"

#include "kernels/x86/gelu_table.inl.h"

#include "kernels/x86/level.inl.h"

}  // namespace
}  // namespace paceline
PACELINE_TARGET_END

namespace paceline {
namespace {

constexpr Kernels kTable = make_table("avx512", "AVX-512 F, BW, DQ, VL; tile 8 x 48", cpu_has_avx512);

}  // namespace

const Kernels* avx512_kernels() { return &kTable; }

}  // namespace paceline
