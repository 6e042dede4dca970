#pragma once

#include "kernels/kernels.h"
#include "kernels/peak.h"

/// The one place that knows compilers and processors. Code between PACELINE_TARGET_BEGIN("avx2,fma") and
/// PACELINE_TARGET_END is compiled for those instructions, whatever the file's own flags are, so that no inline
/// function of a shared header is ever compiled for a CPU that may not be there. GCC 12 forgets the region for friend
/// functions and lambdas: have none in it, and instantiate nothing of the standard library there.
#define PACELINE_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define PACELINE_TARGET_BEGIN(isa) \
  PACELINE_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define PACELINE_TARGET_END _Pragma("clang attribute pop")
#define PACELINE_UNROLL _Pragma("unroll")
#else
// GCC 12's own AVX-512 header trips -Wmaybe-uninitialized wherever it is inlined (_mm512_undefined_ps).
#define PACELINE_TARGET_BEGIN(isa)                                                            \
  _Pragma("GCC push_options") PACELINE_PRAGMA(GCC target(isa)) _Pragma("GCC diagnostic push") \
      _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")                             \
          _Pragma("GCC diagnostic ignored \"-Wuninitialized\"")
#define PACELINE_TARGET_END _Pragma("GCC diagnostic pop") _Pragma("GCC pop_options")
#define PACELINE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace paceline {

/// The levels of this folder; null where the build is for another family of processors.
#if defined(__x86_64__)
const Kernels* avx2_kernels();
const Kernels* avx2_vnni_kernels();
const Kernels* avx512_kernels();
const Kernels* avx512_vnni_kernels();
const Kernels* avx512_bf16_kernels();
std::vector<PeakLoop> x86_peak_loops();

// What each level needs, of the CPU and of the system that has to keep its registers.
bool cpu_has_avx2();
bool cpu_has_avx2_vnni();
bool cpu_has_avx512();
bool cpu_has_avx512_vnni();
bool cpu_has_avx512_bf16();
#else
inline const Kernels* avx2_kernels() { return nullptr; }
inline const Kernels* avx2_vnni_kernels() { return nullptr; }
inline const Kernels* avx512_kernels() { return nullptr; }
inline const Kernels* avx512_vnni_kernels() { return nullptr; }
inline const Kernels* avx512_bf16_kernels() { return nullptr; }
inline std::vector<PeakLoop> x86_peak_loops() { return {}; }
#endif

}  // namespace paceline
