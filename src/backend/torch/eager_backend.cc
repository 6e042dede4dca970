#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/eager_backend.h"

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "backend/torch/autocast.h"
#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "base/cpu_topology.h"

namespace paceline {
namespace {

std::string settings(const BackendInfo& info, bool autocast) {
  std::string text = info.padded
                         ? "inference mode, scaled_dot_product_attention, no mask where a batch has no padding"
                         : "inference mode, scaled_dot_product_attention over texts of like length, all else on real "
                           "tokens only";
  if (autocast) text += ", weights cast at each call";
  return info.device == "cpu" ? fmt::format("{}, {} intra-op threads", text, info.threads)
                              : text + ", pinned inputs, synchronised after each batch";
}

}  // namespace

EagerBackend::EagerBackend(const Checkpoint& checkpoint, const BackendOptions& options, bool padded)
    : device_(open_device(options.device)), autocast_(options.compute_type == "bf16-autocast") {
  const at::ScalarType dtype = weight_dtype(options.compute_type);
  info_ = {.name = options.name,
           .version = std::string(torch_version()),
           .device = options.device,
           .dtype = dtype_text(dtype),
           .compute_type = options.compute_type,
           .settings = "",
           .padded = padded,
           .threads = resolve_threads(options.threads),
           .outputs = checkpoint.network().outputs};
  info_.settings = settings(info_, autocast_);
  call_engine({.doing = "loading the weights", .hint = "This is a bug in Paceline or in PyTorch."}, [&] {
    // PyTorch waits for ever for a thread that it cannot start: now, while there is room for all of them.
    use_threads(info_.threads);
    forward_.emplace(checkpoint, dtype, device_);
  });
  if (padded) {
    padded_inputs_.emplace(forward_->network(), device_);
  } else {
    row_inputs_.emplace(forward_->network());
  }
}

void EagerBackend::run(const PackedBatch& batch, std::span<float> logits) {
  call_engine({.doing = "running a batch", .hint = "This is a bug in Paceline or in PyTorch."}, [&] {
    use_threads(info_.threads);
    const c10::InferenceMode inference;
    std::optional<Autocast> autocast;
    if (autocast_) autocast.emplace();
    if (row_inputs_) return copy_logits((*forward_)(row_inputs_->make(batch, logits.size())), logits);
    ForwardInputs inputs = padded_inputs_->make(batch, logits.size());
    if (padded_inputs_->rectangular()) inputs.attention_mask = at::Tensor();
    copy_logits((*forward_)(inputs), logits);
  });
}

}  // namespace paceline
