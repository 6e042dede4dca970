#include <cpuid.h>

#include "kernels/x86/target.h"

namespace paceline {

// Clang 14 does not know the name for __builtin_cpu_supports. That the system keeps YMM registers, AVX2 says.
bool cpu_has_avx_vnni() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kFeatures = 7;
  constexpr unsigned kAvxVnni = 1U << 4;
  return __builtin_cpu_supports("avx2") != 0 && __get_cpuid_count(kFeatures, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax & kAvxVnni) != 0;
}

}  // namespace paceline
