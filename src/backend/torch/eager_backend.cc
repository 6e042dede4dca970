#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/eager_backend.h"

#include <ATen/autocast_mode.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "base/cpu_topology.h"

namespace paceline {
namespace {

// with torch.autocast("cpu", torch.bfloat16): around one call.
class Autocast {
 public:
  Autocast()
      : enabled_before_(at::autocast::is_autocast_enabled(at::kCPU)),
        dtype_before_(at::autocast::get_autocast_dtype(at::kCPU)) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, enabled_before_);
    at::autocast::set_autocast_dtype(at::kCPU, dtype_before_);
  }

 private:
  bool enabled_before_;
  at::ScalarType dtype_before_;
};

std::string settings(const BackendInfo& info, bool autocast) {
  std::string text = "inference mode, scaled_dot_product_attention, no mask where a batch has no padding";
  if (autocast) text += ", weights cast at each call";
  return info.device == "cpu" ? fmt::format("{}, {} intra-op threads", text, info.threads)
                              : text + ", pinned inputs, synchronised after each batch";
}

}  // namespace

EagerBackend::EagerBackend(const Checkpoint& checkpoint, const BackendOptions& options)
    : device_(open_device(options.device)), autocast_(options.compute_type == "bf16-autocast") {
  const at::ScalarType dtype = weight_dtype(options.compute_type);
  info_ = {.name = options.name,
           .version = std::string(torch_version()),
           .device = options.device,
           .dtype = dtype_text(dtype),
           .compute_type = options.compute_type,
           .settings = "",
           .padded = true,
           .threads = resolve_threads(options.threads),
           .outputs = checkpoint.network().outputs};
  info_.settings = settings(info_, autocast_);
  call_engine({.doing = "loading the weights", .hint = "This is a bug in Paceline or in PyTorch."},
              [&] { forward_.emplace(checkpoint, dtype, device_); });
  inputs_.emplace(forward_->network(), device_);
}

void EagerBackend::run(const PackedBatch& batch, std::span<float> logits) {
  call_engine({.doing = "running a batch", .hint = "This is a bug in Paceline or in PyTorch."}, [&] {
    use_threads(info_.threads);
    const c10::InferenceMode inference;
    std::optional<Autocast> autocast;
    if (autocast_) autocast.emplace();
    ForwardInputs inputs = inputs_->make(batch, logits.size());
    if (inputs_->rectangular()) inputs.attention_mask = at::Tensor();
    copy_logits((*forward_)(inputs), logits);
  });
}

}  // namespace paceline
