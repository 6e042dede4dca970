#pragma once

#include <cmath>
#include <numbers>

namespace paceline {

/// The activations as they are defined, in double: what the reference kernels and the reference model compute, and what
/// the approximations of the other kernels are held against. The tests have formulas of their own.

inline double exact_gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }

inline double exact_gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

inline double exact_silu(double x) { return x / (1 + std::exp(-x)); }

inline double exact_mish(double x) { return x * std::tanh(std::log1p(std::exp(x))); }

}  // namespace paceline
