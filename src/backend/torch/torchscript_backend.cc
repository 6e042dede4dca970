#include "backend/torch/torchscript_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "backend/torch/torchscript_export.h"
#include "base/cache_folder.h"
#include "base/cpu_topology.h"
#include "batch/check_types.h"

namespace paceline {
namespace {

// A user's file computes in the type of its weights, so another one cannot be asked for.
void check_compute_type(const std::filesystem::path& file, at::ScalarType held, const std::string& asked) {
  if (asked == kExportedType || dtype_text(held) == asked) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[{}] It holds {} weights, compute type {} was asked for. Use --compute-types {}.",
                          file.string(), dtype_text(held), asked, dtype_text(held)));
}

// The sequences of `batch` that have `length` tokens; `places` gets where they stood.
PackedBatch sequences_of_length(const PackedBatch& batch, int32_t length, std::vector<int32_t>& places) {
  PackedBatch part;
  places.clear();
  const auto append = [&](const std::vector<int32_t>& from, std::vector<int32_t>& to, int32_t sequence) {
    if (from.empty()) return;
    const auto first = from.begin() + batch.cu_seqlens[static_cast<std::size_t>(sequence)];
    to.insert(to.end(), first, first + length);
  };
  for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
    if (batch.length(sequence) != length) continue;
    append(batch.input_ids, part.input_ids, sequence);
    append(batch.token_type_ids, part.token_type_ids, sequence);
    part.cu_seqlens.push_back(static_cast<int32_t>(part.input_ids.size()));
    places.push_back(sequence);
  }
  part.max_seqlen = length;
  return part;
}

}  // namespace

TorchscriptBackend::TorchscriptBackend(const Checkpoint& checkpoint, const BackendOptions& options)
    : device_(open_device(options.device)), network_(checkpoint.network()), inputs_(network_, device_) {
  info_ = {.name = options.name,
           .version = std::string(torch_version()),
           .device = options.device,
           .dtype = options.file.empty() ? dtype_text(weight_dtype(options.compute_type)) : "unknown",
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
    info_.padded = module_->reads_mask();
    if (!info_.padded) info_.settings += ", without a mask: texts of one length at a time";
    if (module_->dtype()) {
      check_compute_type(options.file, *module_->dtype(), options.compute_type);
      info_.dtype = dtype_text(*module_->dtype());
    }
  }
  info_.settings += fmt::format(", inputs {}, {}", module_->description(),
                                device_.is_cpu() ? fmt::format("{} intra-op threads", info_.threads)
                                                 : "pinned inputs, synchronised after each batch");
}

void TorchscriptBackend::run(const PackedBatch& batch, std::span<float> logits) {
  use_threads(info_.threads);
  call_engine({.doing = "running a batch", .hint = "This is a bug in Paceline or in PyTorch."}, [&] {
    const ForwardInputs inputs = inputs_.make(batch, logits.size());
    if (!module_->reads_types()) refuse_lost_types(batch, module_->file().string());
    if (inputs_.rectangular() || module_->reads_mask()) {
      copy_logits((*module_)(inputs), logits);
    } else {
      run_by_length(batch, logits);
    }
  });
}

void TorchscriptBackend::run_by_length(const PackedBatch& batch, std::span<float> logits) {
  const auto width = static_cast<std::size_t>(info_.outputs);
  std::set<int32_t> lengths;
  for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) lengths.insert(batch.length(sequence));
  std::vector<int32_t> places;
  for (const int32_t length : lengths) {
    const PackedBatch part = sequences_of_length(batch, length, places);
    std::vector<float> some(places.size() * width);
    copy_logits((*module_)(inputs_.make(part, some.size())), some);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto row = some.begin() + static_cast<std::ptrdiff_t>(i * width);
      std::copy_n(row, width,
                  logits.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(places[i]) * width));
    }
  }
}

}  // namespace paceline
