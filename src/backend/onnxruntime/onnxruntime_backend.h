#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/backend_options.h"
#include "backend/onnxruntime/api.h"
#include "batch/padded_batch.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"

namespace paceline {

/// ONNX Runtime on the CPU, running our own export of the checkpoint: form fast for "onnxruntime", form unpadded for
/// "onnxruntime-unpadded". The export is kept in the options' cache folder.
///
/// `info().padded` is true for the fast form. The unpadded one still computes attention scores of the padded rectangle,
/// but its dense layers, 9 tenths and more of the work, see real tokens only: a planner may treat it as packed.
class OnnxRuntimeBackend : public Backend {
 public:
  /// load_engine_library() must have returned. Throws Error.
  OnnxRuntimeBackend(const Checkpoint& checkpoint, const BackendOptions& options);

  const BackendInfo& info() const override { return info_; }
  void run(const PackedBatch& batch, std::span<float> logits) override;

 private:
  void load(const std::filesystem::path& file);

  const Network& network_;
  BackendInfo info_;
  Ort::Session session_{nullptr};
  Ort::MemoryInfo memory_;
  Ort::RunOptions run_options_;
  PaddedBatch padded_;
  std::vector<Ort::Value> inputs_;
};

}  // namespace paceline
