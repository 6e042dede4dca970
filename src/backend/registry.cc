#include "backend/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "backend/native/native_backend.h"
#include "backend/plugin_loader.h"
#include "base/cpu_topology.h"
#include "base/device.h"
#include "base/room.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "words/suggest.h"

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

const BackendEntry& reference_entry() {
  static const BackendEntry entry{.name = kReferenceBackendName,
                                  .plugin = "",
                                  .compute_types = {"fp32"},
                                  .device_compute_types = {},
                                  .padded = false,
                                  .summary = "scalar code in double precision, the oracle of gates",
                                  .install = "",
                                  .file_flag = ""};
  return entry;
}

/// An engine aborts or hangs where a thread of its cannot be started. PyTorch has two pools of them, and Paceline adds
/// its own, for tokenizing, reading and writing.
void check_threads(const BackendEntry& entry, int threads) {
  const int pools = entry.plugin == "torch" ? 3 : 2;
  check_room(fmt::format("backend {}", entry.name), {.threads = pools * (threads - 1) + 2});
}

}  // namespace

const std::vector<BackendEntry>& known_backends() {
  static const std::vector<BackendEntry> entries{
      {.name = "native",
       .plugin = "",
       .compute_types = {"fp32", "bf16", "int8"},
       .device_compute_types = {},
       .padded = false,
       .summary = "Paceline's own engine: packed, no padding",
       .install = "",
       .file_flag = ""},
      {.name = "onnxruntime",
       .plugin = "onnxruntime",
       .compute_types = {"fp32", "int8"},
       .device_compute_types = {},
       .padded = true,
       .summary = "ONNX Runtime on a padded graph, as people run it",
       .install = kInstallOnnxRuntime,
       .file_flag = "--onnx"},
      {.name = "onnxruntime-unpadded",
       .plugin = "onnxruntime",
       .compute_types = {"fp32", "int8"},
       .device_compute_types = {},
       .padded = false,
       .summary = "ONNX Runtime with dense layers on real tokens only",
       .install = kInstallOnnxRuntime,
       .file_flag = ""},
      {.name = "torchscript",
       .plugin = "torch",
       .compute_types = {"fp32", "bf16"},
       .device_compute_types = {"fp32", "fp16", "bf16"},
       .padded = true,
       .summary = "PyTorch running a TorchScript file, frozen",
       .install = kInstallTorch,
       .file_flag = "--torchscript"},
      {.name = "torch-eager",
       .plugin = "torch",
       .compute_types = {"fp32", "bf16", "bf16-autocast"},
       .device_compute_types = {"fp32", "fp16", "bf16"},
       .padded = true,
       .summary = "PyTorch's operators one by one, as transformers runs them",
       .install = kInstallTorch,
       .file_flag = ""},
  };
  return entries;
}

const BackendEntry& find_backend(std::string_view name) {
  if (name == kReferenceBackendName) return reference_entry();
  std::vector<std::string> names;
  for (const BackendEntry& entry : known_backends()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[backend] \"{}\" is no backend. {}", excerpt(name), suggestion(name, names)));
}

BackendStatus backend_status(const BackendEntry& entry) try {
  if (entry.plugin.empty()) return {.available = true, .version = std::string(version()), .reason = ""};
  const PluginTable& table = load_plugin(entry.plugin, entry.install);
  return {.available = true, .version = plugin_engine_version(table), .reason = ""};
} catch (const Error& error) {
  return {.available = false, .version = "", .reason = error.what()};
}

std::unique_ptr<Backend> create_backend(const Checkpoint& checkpoint, const BackendOptions& options) {
  const BackendEntry& entry = find_backend(options.name);
  const bool on_cpu = !parse_device(options.device).cuda;
  if (!on_cpu && entry.device_compute_types.empty()) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("[backend {}] Device {} was asked for, it runs on cpu.", entry.name, options.device));
  }
  const std::vector<std::string>& types = on_cpu ? entry.compute_types : entry.device_compute_types;
  const bool as_exported = !options.file.empty() && options.compute_type == kExportedType;
  if (!as_exported && std::find(types.begin(), types.end(), options.compute_type) == types.end()) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[backend {}] Compute type \"{}\" was asked for, it computes in {} on {}.", entry.name,
                            excerpt(options.compute_type), fmt::join(types, ", "), options.device));
  }
  if (!options.file.empty() && entry.file_flag.empty()) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[backend {}] The file {} was given, it runs no files.",
                                                         entry.name, options.file.string()));
  }
  if (entry.name == kReferenceBackendName) return create_reference_backend(checkpoint, options);
  if (entry.plugin.empty()) return create_native_backend(checkpoint, options);
  const PluginTable& table = load_plugin(entry.plugin, entry.install);
  check_threads(entry, resolve_threads(options.threads));
  return create_plugin_backend(table, checkpoint, options);
}

}  // namespace paceline
