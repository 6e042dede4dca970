#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace paceline {

/// Arithmetic that a CPU has a peak of.
enum class PeakKind : uint8_t {
  kFp32,  ///< fused multiply-adds
  kBf16,  ///< VDPBF16PS
  kInt8,  ///< VPDPBUSD
};

/// A loop that does nothing but one kind of arithmetic on registers, with enough independent sums to hide the latency.
struct PeakLoop {
  PeakKind kind = PeakKind::kFp32;
  std::span<const std::string_view> levels;  ///< the ISA levels whose kernels use it
  int32_t lanes = 1;                         ///< fp32 sums of one instruction
  double operations = 0;                     ///< of one round; a multiply-add counts 2
  bool (*supported)() = nullptr;
  void (*run)(int64_t rounds) = nullptr;
};

/// Every loop of this build, the widest of a kind first.
const std::vector<PeakLoop>& peak_loops();

}  // namespace paceline
