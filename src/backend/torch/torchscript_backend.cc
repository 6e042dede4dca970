#include "backend/torch/torchscript_backend.h"

#include <fmt/format.h>

#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "backend/torch/torchscript_export.h"
#include "base/cpu_topology.h"

namespace paceline {
namespace {

// A user's file computes in the type of its weights, whatever was asked for, so the two must be the same.
void check_compute_type(const std::filesystem::path& file, at::ScalarType held, const std::string& asked) {
  if (dtype_text(held) == asked) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[{}] It holds {} weights, compute type {} was asked for. Use --compute-types {}.",
                          file.string(), dtype_text(held), asked, dtype_text(held)));
}

}  // namespace

TorchscriptBackend::TorchscriptBackend(const Checkpoint& checkpoint, const BackendOptions& options)
    : device_(open_device(options.device)), network_(checkpoint.network()), inputs_(network_, device_) {
  info_ = {.name = options.name,
           .version = std::string(torch_version()),
           .device = options.device,
           .dtype = dtype_text(weight_dtype(options.compute_type)),
           .compute_type = options.compute_type,
           .settings = "",
           .padded = true,
           .threads = resolve_threads(options.threads),
           .outputs = network_.outputs};
  use_threads(info_.threads);
  if (options.file.empty()) {
    const std::filesystem::path cache_dir = options.cache_dir.empty() ? default_cache_dir() : options.cache_dir;
    module_.emplace(cached_torchscript(checkpoint, options.compute_type, options.device, cache_dir), network_, device_);
    info_.settings = "trace by Paceline";
  } else {
    module_.emplace(options.file, network_, device_);
    info_.settings = "your file " + options.file.string();
    if (module_->dtype()) check_compute_type(options.file, *module_->dtype(), options.compute_type);
  }
  info_.settings += fmt::format(", inputs {}, {}", module_->description(),
                                device_.is_cpu() ? fmt::format("{} intra-op threads", info_.threads)
                                                 : "pinned inputs, synchronised after each batch");
}

void TorchscriptBackend::run(const PackedBatch& batch, std::span<float> logits) {
  use_threads(info_.threads);
  call_engine({.doing = "running a batch", .hint = "This is a bug of Paceline or of the engine."},
              [&] { copy_logits((*module_)(inputs_.make(batch, logits.size())), logits); });
}

}  // namespace paceline
