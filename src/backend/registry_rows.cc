// Every backend of Paceline, a row each. An engine is added here, by a folder beside this file and by its part of
// ./dev setup.

#include "backend/native/native_backend.h"
#include "backend/registry.h"
#include "export/onnx_external_data.h"
#include "export/onnx_format.h"

namespace paceline {
namespace {

// How a missing engine is installed: "Run ...".
#ifdef PACELINE_PORTABLE
constexpr const char* kInstallOnnxRuntime = "the installation of Paceline's package again";
constexpr const char* kInstallTorch =
    "pip install torch==2.11.0, and set PACELINE_TORCH_ROOT to the folder torch that it makes";
#else
constexpr const char* kInstallOnnxRuntime = "./dev setup && ./dev build";
constexpr const char* kInstallTorch = "./dev setup torch && ./dev build";
#endif

PluginEntry onnxruntime_plugin() { return {.name = "onnxruntime", .install = kInstallOnnxRuntime, .megabytes = 32}; }

PluginEntry torch_plugin() {
  return {.name = "torch",
          .install = kInstallTorch,
          .megabytes = 440,
          .root_variable = "PACELINE_TORCH_ROOT",
          .libraries = {"libc10.so", "libtorch_cpu.so"},
          .thread_pools = 2,
          .trains = true};
}

ExportFormat torchscript_format() {
  using enum ExportFlag::Kind;
  return {.name = "torchscript",
          .compute_types = {"fp32", "bf16", "fp16"},
          .compute_type_help = "bf16, fp16, of the weights",
          .flags = {{.name = "--how",
                     .value = "WAY",
                     .help = "trace (recorded) or script (the mask is optional; default trace)",
                     .kind = kChoice,
                     .choices = {"trace", "script"}},
                    {.name = "--device",
                     .value = "DEVICE",
                     .help = "device on which the file will run: cpu, cuda:N (default cpu)",
                     .kind = kDevice}}};
}

}  // namespace

std::vector<BackendEntry> registry_rows() {
  return {
      {.name = kNativeBackendName,
       .compute_types = {"fp32", "bf16", "int8"},
       .summary = "Paceline's own backend: computes no padding",
       .oracle = OracleRole::kProven,
       .create = create_native_backend},
      {.name = "onnxruntime",
       .plugin = onnxruntime_plugin(),
       .compute_types = {"fp32", "int8"},
       .padded = true,
       .summary = "ONNX Runtime, padded, as most people run it",
       .baseline_rank = 1,
       .files = UserFileKind{.flag = "--onnx", .companions = onnx_external_files},
       .format = onnx_format()},
      {.name = "onnxruntime-unpadded",
       .plugin = onnxruntime_plugin(),
       .compute_types = {"fp32", "int8"},
       .summary = "ONNX Runtime with dense layers on real tokens only"},
      {.name = "torchscript",
       .plugin = torch_plugin(),
       .compute_types = {"fp32", "bf16"},
       .device_compute_types = {"fp32", "fp16", "bf16"},
       .padded = true,
       .summary = "PyTorch with a frozen TorchScript file",
       .files = UserFileKind{.flag = "--torchscript"},
       .format = torchscript_format()},
      {.name = "torch-eager",
       .plugin = torch_plugin(),
       .compute_types = {"fp32", "bf16", "bf16-autocast"},
       .device_compute_types = {"fp32", "fp16", "bf16"},
       .padded = true,
       .summary = "PyTorch's operators one by one, as transformers runs them",
       .oracle = OracleRole::kOriginal,
       .baseline_rank = 0},
      {.name = "torch-eager-unpadded",
       .plugin = torch_plugin(),
       .compute_types = {"fp32", "bf16", "bf16-autocast"},
       .summary = "PyTorch's operators one by one on real tokens only"},
  };
}

}  // namespace paceline
