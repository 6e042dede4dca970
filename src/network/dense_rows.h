#pragma once

#include <cstdint>
#include <span>

#include "network/network.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// Outputs [first, first + count) of a dense layer as fp32 rows [count, in], whichever way `tensor`, the one behind its
/// weight, stores them.
void read_dense_rows(const TensorView& tensor, const Dense& dense, int32_t first, int32_t count, std::span<float> rows);

}  // namespace paceline
