#include "backend/torch/torch_device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "backend/torch/engine_call.h"
#include "base/device.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr const char* kCudaLibrary = "libtorch_cuda.so";
constexpr const char* kOwnTorch = "Set PACELINE_TORCH_ROOT to the folder torch of an installed PyTorch 2.11 with CUDA.";

[[noreturn]] void throw_unavailable(const std::string& device, const std::string& what, const std::string& hint) {
  throw Error(ErrorCode::kUnavailable,
              fmt::format("[torch {}] Device {} was asked for, {}. {}", torch_version(), device, what, hint));
}

// Where libtorch_cpu.so, which is linked, was found.
std::filesystem::path library_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) == 0) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

// Its initialisers register the kernels. PyTorch looks for them once, at the first question about CUDA, so nothing may
// ask before. It is never closed.
void open_cuda_library(const std::string& device) {
  const std::filesystem::path file = library_folder() / kCudaLibrary;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    throw_unavailable(
        device,
        fmt::format("{} is not in {}: this PyTorch computes on CPUs alone", kCudaLibrary, file.parent_path().string()),
        kOwnTorch);
  }
  if (::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    throw_unavailable(device, fmt::format("{} cannot be loaded: {}", file.string(), engine_message(::dlerror())),
                      "Reinstall PyTorch with its NVIDIA packages.");
  }
}

}  // namespace

c10::Device open_device(const std::string& name) {
  const Device device = parse_device(name);
  if (!device.cuda) return c10::Device(c10::kCPU);
  open_cuda_library(name);
  return call_engine({.code = ErrorCode::kUnavailable, .doing = "opening " + name, .hint = "Check it with nvidia-smi."},
                     [&] {
                       const at::CUDAHooksInterface& hooks = at::detail::getCUDAHooks();
                       const int devices = hooks.hasCUDA() ? static_cast<int>(hooks.deviceCount()) : 0;
                       if (devices == 0) {
                         throw_unavailable(name, "there is no NVIDIA driver or no device that it lets this process use",
                                           "Check it with nvidia-smi, and CUDA_VISIBLE_DEVICES.");
                       }
                       if (device.index >= devices) {
                         throw_unavailable(name, fmt::format("there are {}, counted from 0", devices), "Use cuda:0.");
                       }
                       at::globalContext().lazyInitDevice(c10::kCUDA);
                       return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(device.index));
                     });
}

c10::ScalarType weight_dtype(const std::string& compute_type) {
  if (compute_type == "fp32" || compute_type == "bf16-autocast") return c10::kFloat;
  if (compute_type == "bf16") return c10::kBFloat16;
  if (compute_type == "fp16") return c10::kHalf;
  throw Error(ErrorCode::kUnsupported, fmt::format("[torch] Compute type \"{}\" was asked for, fp32, bf16 or fp16 was "
                                                   "expected.",
                                                   excerpt(compute_type)));
}

std::string dtype_text(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kFloat:
      return "fp32";
    case c10::kBFloat16:
      return "bf16";
    case c10::kHalf:
      return "fp16";
    case c10::kDouble:
      return "fp64";
    default:
      return c10::toString(dtype);
  }
}

}  // namespace paceline
