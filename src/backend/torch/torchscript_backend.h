#pragma once

#include <optional>

#include "backend/backend_options.h"
#include "backend/torch/input_tensors.h"
#include "backend/torch/torchscript_module.h"
#include "paceline/backend.h"

namespace paceline {

/// TorchScript loaded from disk and frozen: "torchscript". Our own trace of the checkpoint, kept in the options' cache
/// folder, or the user's file where the options name one. Its first runs are slow: the executor watches them.
class TorchscriptBackend : public Backend {
 public:
  /// Throws Error.
  TorchscriptBackend(const Checkpoint& checkpoint, const BackendOptions& options);

  const BackendInfo& info() const override { return info_; }
  void run(const PackedBatch& batch, std::span<float> logits) override;

 private:
  void run_by_length(const PackedBatch& batch, std::span<float> logits);

  at::Device device_;
  Network network_;
  BackendInfo info_;
  std::optional<TorchscriptModule> module_;
  InputTensors inputs_;
};

}  // namespace paceline
