#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace paceline {

/// PyTorch's name of a device as options name it. For "cuda:N" opens libtorch_cuda.so, which stands beside
/// libtorch_cpu.so where PyTorch is installed with CUDA, and asks for the device.
/// Throws Error: invalid_argument (no device's name), unavailable (no such library, driver or device; never the CPU
/// instead).
c10::Device open_device(const std::string& name);

/// The dtype of the weights for a compute type: "fp32", "fp16", "bf16", and "bf16-autocast", which keeps fp32.
/// Throws Error{unsupported}.
c10::ScalarType weight_dtype(const std::string& compute_type);

/// "fp32", "bf16", ...: as reports write it; "int8" and others as PyTorch does.
std::string dtype_text(c10::ScalarType dtype);

}  // namespace paceline
