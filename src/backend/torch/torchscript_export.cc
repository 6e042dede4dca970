#include "backend/torch/torchscript_export.h"

#include <fmt/format.h>

#include "backend/torch/engine_call.h"
#include "backend/torch/network_forward.h"
#include "backend/torch/torch_device.h"
#include "backend/torch/torchscript_writer.h"
#include "base/cache_folder.h"
#include "base/json.h"
#include "export/export_cache.h"
#include "words/suggest.h"

namespace paceline {
namespace {

// Part of a cached file's name. Raised whenever the same checkpoint and options give another file.
constexpr int kExporterVersion = 3;

void write_checked(const Checkpoint& checkpoint, const TorchscriptExportOptions& options, const std::string& hash) {
  if (options.how != "trace" && options.how != "script") {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[export torchscript] --how \"{}\" was given, trace or script was expected.",
                            excerpt(options.how)));
  }
  const at::Device device = open_device(options.device);
  const NetworkForward forward(checkpoint, weight_dtype(options.compute_type), device);
  const auto run = [&](const ForwardInputs& inputs) { return forward(inputs); };
  torch::jit::Module module = options.how == "trace" ? record_module(forward.network(), forward.weights(), run, device)
                                                     : script_module(forward.network(), forward.weights());
  check_module(module, forward.network(), run, device);
  Json metadata{{"paceline_checkpoint", hash}, {"how", options.how}, {"compute_type", options.compute_type}};
  if (checkpoint.random_weights()) metadata["paceline_random_weights"] = true;
  write_module(module, metadata.dump(), options.file);
}

void export_with_hash(const Checkpoint& checkpoint, const TorchscriptExportOptions& options, const std::string& hash) {
  call_engine({.doing = "exporting TorchScript", .hint = "This is a bug in Paceline or in PyTorch."},
              [&] { write_checked(checkpoint, options, hash); });
}

}  // namespace

void export_torchscript(const Checkpoint& checkpoint, const TorchscriptExportOptions& options) {
  export_with_hash(checkpoint, options, checkpoint.hash(default_cache_dir()));
}

std::filesystem::path cached_torchscript(const Checkpoint& checkpoint, const std::string& compute_type,
                                         const std::string& device, const std::filesystem::path& cache_dir) {
  const std::string hash = checkpoint.hash(cache_dir);
  const std::string place = device == "cpu" ? "cpu" : "cuda";
  const std::filesystem::path file =
      cache_dir / "torchscript" /
      fmt::format("{}-trace-{}-{}-torch{}-v{}.pt", hash, compute_type, place, torch_version(), kExporterVersion);
  return cached_export(file, [&](const std::filesystem::path& staged) {
    export_with_hash(checkpoint, {.how = "trace", .compute_type = compute_type, .device = device, .file = staged},
                     hash);
  });
}

}  // namespace paceline
