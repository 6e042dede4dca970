#include "kernels/peak.h"

#include "kernels/x86/target.h"

// Registers are named one by one: GCC 12 spills an array of operands, and such a loop reads half the peak. Operands are
// zero, so no clock is lost to power or denormals that a real product would not lose.

namespace paceline {
namespace {

// Independent sums of a round: twice what the longest latency (6 cycles, two instructions a cycle) needs.
constexpr int kWideSums = 24;
constexpr int kNarrowSums = 12;  // 16 registers less the operands

}  // namespace
}  // namespace paceline

PACELINE_TARGET_BEGIN("avx512f,avx2,fma")
namespace paceline {
namespace {

void run_avx512(int64_t rounds) {
  asm volatile(
      "vpxord %%zmm30, %%zmm30, %%zmm30\n"
      "vpxord %%zmm31, %%zmm31, %%zmm31\n"
      "1:\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm0\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm1\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm2\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm3\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm4\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm5\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm6\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm7\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm8\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm9\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm10\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm11\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm12\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm13\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm14\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm15\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm16\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm17\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm18\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm19\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm20\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm21\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm22\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm23\n"
      "dec %0\n"
      "jnz 1b\n"
      : "+r"(rounds)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30",
        "xmm31", "cc");
}

void run_bf16(int64_t rounds) {
  asm volatile(
      "vpxord %%zmm30, %%zmm30, %%zmm30\n"
      "vpxord %%zmm31, %%zmm31, %%zmm31\n"
      "1:\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm0\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm1\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm2\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm3\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm4\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm5\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm6\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm7\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm8\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm9\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm10\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm11\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm12\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm13\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm14\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm15\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm16\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm17\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm18\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm19\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm20\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm21\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm22\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm23\n"
      "dec %0\n"
      "jnz 1b\n"
      : "+r"(rounds)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30",
        "xmm31", "cc");
}

void run_vnni(int64_t rounds) {
  asm volatile(
      "vpxord %%zmm30, %%zmm30, %%zmm30\n"
      "vpxord %%zmm31, %%zmm31, %%zmm31\n"
      "1:\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm0\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm1\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm2\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm3\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm4\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm5\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm6\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm7\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm8\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm9\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm10\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm11\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm12\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm13\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm14\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm15\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm16\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm17\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm18\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm19\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm20\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm21\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm22\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm23\n"
      "dec %0\n"
      "jnz 1b\n"
      : "+r"(rounds)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30",
        "xmm31", "cc");
}

void run_avx2(int64_t rounds) {
  asm volatile(
      "vpxor %%ymm14, %%ymm14, %%ymm14\n"
      "vpxor %%ymm15, %%ymm15, %%ymm15\n"
      "1:\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm0\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm1\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm2\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm3\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm4\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm5\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm6\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm7\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm8\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm9\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm10\n"
      "vfmadd231ps %%ymm14, %%ymm15, %%ymm11\n"
      "dec %0\n"
      "jnz 1b\n"
      : "+r"(rounds)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14",
        "xmm15", "cc");
}

void run_avx2_vnni(int64_t rounds) {
  asm volatile(
      "vpxor %%ymm14, %%ymm14, %%ymm14\n"
      "vpxor %%ymm15, %%ymm15, %%ymm15\n"
      "1:\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm0\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm1\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm2\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm3\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm4\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm5\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm6\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm7\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm8\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm9\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm10\n"
      "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm11\n"
      "dec %0\n"
      "jnz 1b\n"
      : "+r"(rounds)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14",
        "xmm15", "cc");
}

}  // namespace
}  // namespace paceline
PACELINE_TARGET_END

namespace paceline {
namespace {

constexpr int kZmmLanes = 16;
constexpr int kYmmLanes = 8;

constexpr std::string_view kWide[] = {"avx512", "avx512_vnni", "avx512_bf16"};
constexpr std::string_view kWideVnni[] = {"avx512_vnni", "avx512_bf16"};
constexpr std::string_view kWideBf16[] = {"avx512_bf16"};
constexpr std::string_view kNarrow[] = {"avx2", "avx2_vnni"};
constexpr std::string_view kNarrowVnni[] = {"avx2_vnni"};

}  // namespace

std::vector<PeakLoop> x86_peak_loops() {
  const double zmm = 2.0 * kZmmLanes * kWideSums;
  const double ymm = 2.0 * kYmmLanes * kNarrowSums;
  return {{PeakKind::kFp32, kWide, kZmmLanes, zmm, cpu_has_avx512, run_avx512},
          {PeakKind::kFp32, kNarrow, kYmmLanes, ymm, cpu_has_avx2, run_avx2},
          {PeakKind::kBf16, kWideBf16, kZmmLanes, 2 * zmm, cpu_has_avx512_bf16, run_bf16},
          {PeakKind::kInt8, kWideVnni, kZmmLanes, 4 * zmm, cpu_has_avx512_vnni, run_vnni},
          {PeakKind::kInt8, kNarrowVnni, kYmmLanes, 4 * ymm, cpu_has_avx2_vnni, run_avx2_vnni}};
}

}  // namespace paceline
