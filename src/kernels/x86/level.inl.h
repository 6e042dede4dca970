// Everything that the levels share, and the level's table. Included last, inside its region and anonymous namespace:
// needs Vec, Word, DotBf16, DotInt8, nearest_bf16 and subtract_gap with its gaps.

#include "kernels/x86/dense.inl.h"

#include "kernels/x86/attention.inl.h"
#include "kernels/x86/rows.inl.h"

constexpr Kernels make_table(std::string_view name, std::string_view description, bool (*supported)()) {
  return {.name = name,
          .description = description,
          .supported = supported,
          .lanes = Vec::kWidth,
          .panel_columns = kPanelColumns,
          .pack = pack,
          .quantise = quantise,
          .numbers = {{dense<DotFp32>, round_to_fp32, layer_norm<NumberType::kFp32>},
                      {dense<DotBf16>, round_to_bf16, layer_norm<NumberType::kBf16>},
                      {dense<DotInt8>, round_to_int8, layer_norm<NumberType::kInt8>}},
          .sum = sum,
          .relative_scores = relative_scores,
          .rotate_fp32 = rotate<NumberType::kFp32>,
          .rotate_bf16 = rotate<NumberType::kBf16>,
          .attention_fp32 = attention<DotFp32>,
          .attention_bf16 = attention<DotBf16>,
          .attention_scratch = attention_scratch};
}
