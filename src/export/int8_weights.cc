#include "export/int8_weights.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace paceline {

std::string_view int8_weights_name(Int8Weights weights) { return weights == Int8Weights::kSigned ? "s8" : "u8"; }

Int8Weights int8_weights_of_this_cpu() {
#ifdef __x86_64__
  constexpr unsigned kExtendedFeatures = 7;
  constexpr unsigned kAvx512Vnni = 1U << 11U;  // ECX of subleaf 0
  constexpr unsigned kAvxVnni = 1U << 4U;      // EAX of subleaf 1
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool in_512_bits = __get_cpuid_count(kExtendedFeatures, 0, &a, &b, &c, &d) != 0 && (c & kAvx512Vnni) != 0;
  const bool in_256_bits = __get_cpuid_count(kExtendedFeatures, 1, &a, &b, &c, &d) != 0 && (a & kAvxVnni) != 0;
  return in_512_bits || in_256_bits ? Int8Weights::kSigned : Int8Weights::kUnsigned;
#else
  return Int8Weights::kSigned;
#endif
}

}  // namespace paceline
