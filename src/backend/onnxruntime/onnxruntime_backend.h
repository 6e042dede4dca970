#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend_options.h"
#include "backend/onnxruntime/api.h"
#include "backend/onnxruntime/batch_cutter.h"
#include "backend/onnxruntime/graph_signature.h"
#include "backend/onnxruntime/graph_tensors.h"
#include "batch/padded_batch.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"

namespace paceline {

/// ONNX Runtime on the CPU, running a file of the user's, or our own export of the checkpoint: form fast for
/// "onnxruntime", form unpadded for "onnxruntime-unpadded". Our exports are kept in the options' cache folder.
///
/// `info().padded` is true for the fast form. The unpadded one still computes attention scores of the padded rectangle,
/// but its dense layers, 9 tenths and more of the work, see real tokens only: a planner may treat it as packed. A
/// user's file pads unless it has no attention mask: then sequences of equal length are run together, the others apart.
class OnnxRuntimeBackend : public Backend {
 public:
  /// load_engine_library() must have returned. Throws Error: for a file of the user's not_found, corrupt_data (no ONNX
  /// file) and unsupported (see read_signature).
  OnnxRuntimeBackend(const Checkpoint& checkpoint, const BackendOptions& options);

  const BackendInfo& info() const override { return info_; }
  void run(const PackedBatch& batch, std::span<float> logits) override;

 private:
  void load_own_export(const Checkpoint& checkpoint, const BackendOptions& options);
  void load_user_file(const std::filesystem::path& file);
  void run_checked(const PackedBatch& batch, std::span<float> logits);
  void run_part(const PackedBatch& batch, std::span<float> logits);

  const Network& network_;
  BackendInfo info_;
  std::filesystem::path user_file_;  ///< empty: our own export
  Ort::Session session_{nullptr};
  Ort::MemoryInfo memory_;
  Ort::RunOptions run_options_;
  GraphSignature signature_;
  std::unique_ptr<GraphTensors> tensors_;
  BatchCutter cutter_{false, 0};
  PaddedBatch padded_;
  std::vector<float> part_logits_;
};

}  // namespace paceline
