#pragma once

#include <functional>

#include "network/network.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// Finds the stored tensor behind a weight of a network; its shape and dtype have been checked.
using WeightSource = std::function<const TensorView&(const Weight&)>;

/// All of a weight's values as fp32.
std::vector<float> weight_values(const WeightSource& source, const Weight& weight);

}  // namespace paceline
