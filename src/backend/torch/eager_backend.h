#pragma once

#include <optional>

#include "backend/backend_options.h"
#include "backend/torch/input_tensors.h"
#include "backend/torch/network_forward.h"
#include "backend/torch/row_inputs.h"
#include "paceline/backend.h"

namespace paceline {

/// PyTorch's operators called one by one, as transformers' model does from Python: "torch-eager"; or on real tokens
/// alone, on the CPU: "torch-eager-unpadded". Compute types: fp32; bf16 and fp16, as model.to(dtype); bf16-autocast,
/// fp32 weights under torch.autocast.
class EagerBackend : public Backend {
 public:
  /// Throws Error.
  EagerBackend(const Checkpoint& checkpoint, const BackendOptions& options, bool padded);

  const BackendInfo& info() const override { return info_; }
  void run(const PackedBatch& batch, std::span<float> logits) override;

 private:
  at::Device device_;
  bool autocast_;
  BackendInfo info_;
  std::optional<NetworkForward> forward_;
  std::optional<InputTensors> padded_inputs_;  ///< one of the two
  std::optional<RowInputs> row_inputs_;
};

}  // namespace paceline
