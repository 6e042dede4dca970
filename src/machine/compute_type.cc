#include "machine/compute_type.h"

#include <algorithm>

namespace paceline {
namespace {

constexpr std::array kTypes{
    ComputeType{.name = "fp32", .weight_bytes = 4, .roof = &Roof::fp32_gflops, .cpu_flags = {}, .exact = true},
    ComputeType{.name = "bf16",
                .weight_bytes = 2,
                .roof = &Roof::bf16_gflops,
                .cpu_flags = {"avx512_bf16", "amx_bf16"},
                .exact = false},
    ComputeType{.name = "bf16-autocast",
                .weight_bytes = 0,
                .roof = &Roof::bf16_gflops,
                .cpu_flags = {"avx512_bf16", "amx_bf16"},
                .exact = false},
    ComputeType{.name = "fp16", .weight_bytes = 2, .roof = nullptr, .cpu_flags = {}, .exact = false},
    ComputeType{.name = "int8",
                .weight_bytes = 1,
                .roof = &Roof::int8_gops,
                .cpu_flags = {"avx512_vnni", "avx_vnni"},
                .exact = false},
};

}  // namespace

const ComputeType* find_compute_type(std::string_view name) {
  const auto* found = std::ranges::find(kTypes, name, &ComputeType::name);
  return found == kTypes.end() ? nullptr : found;
}

}  // namespace paceline
