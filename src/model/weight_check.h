#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "model/weight_source.h"
#include "network/network.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// Whether all values are finite and stay so when they are rounded to `type`.
bool stay_finite(std::span<const float> values, NumberType type);

/// Names the first value of a weight that is not finite, or not when multiplied by `factor` and rounded to `type`.
/// `opening` begins the message. Throws Error{corrupt_data}, or {unsupported} for a finite value that is too large for
/// the type.
[[noreturn]] void throw_not_finite(const Weight& weight, const TensorView& tensor, float factor, NumberType type,
                                   std::string_view opening = "[model]");

/// Throws as throw_not_finite unless every value of the weight is finite as fp32.
void check_weight(const Weight& weight, const TensorView& tensor, std::string_view opening);

/// All of a weight's values as fp32, times `factor`. Throws as throw_not_finite.
std::vector<float> finite_values(const WeightSource& source, const Weight& weight, float factor = 1);

}  // namespace paceline
