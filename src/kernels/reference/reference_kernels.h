#pragma once

#include "kernels/kernels.h"

namespace paceline {

/// Scalar, every sum in double, functions from <cmath>: what the other levels are tested against, and what runs where
/// none of them does.
const Kernels& reference_kernels();

}  // namespace paceline
