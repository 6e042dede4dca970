#pragma once

#include <bit>
#include <cstdint>

namespace paceline {

/// The value of an IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits); exact, payloads of NaN kept.
inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1Fu;
  const uint32_t fraction = half & 0x3FFu;
  if (exponent == 0) {
    // Zero or subnormal: fraction * 2^-24, a product of two exact floats that is exact itself.
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t rebiased = exponent == 0x1F ? 0xFFu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | rebiased << 23 | fraction << 13);
}

/// The value of a bfloat16, the upper half of a binary32; exact.
inline float bfloat16_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace paceline
