#pragma once

#include <array>
#include <memory>
#include <span>

#include "backend/backend_options.h"
#include "checkpoint/checkpoint.h"
#include "model/encoder_model.h"
#include "model/stage_work.h"
#include "paceline/backend.h"

namespace paceline {

inline constexpr const char* kNativeBackendName = "native";

/// Our own backend: packed sequences, the active ISA level's kernels, compute type fp32, bf16 or int8.
class NativeBackend : public Backend {
 public:
  /// Packs the weights once, the checkpoint is not needed afterwards. Throws Error{unsupported} for another compute
  /// type or device, invalid_argument for a PACELINE_FORCE_ISA that this machine lacks or a number of threads out of
  /// range.
  NativeBackend(const Checkpoint& checkpoint, const BackendOptions& options);

  const BackendInfo& info() const override { return info_; }
  void run(const PackedBatch& batch, std::span<float> logits) override { model_.run(batch, logits); }

  /// run(), and where its time went.
  StageTimes run_timed(const PackedBatch& batch, std::span<float> logits) { return model_.run_timed(batch, logits); }
  /// What each stage of a run does, by Stage.
  std::array<StageWork, kStages> works(const PackedBatch& batch) const;

 private:
  NumberType type_;
  EncoderModel model_;
  BackendInfo info_;
};

/// The same as any backend. Throws as the constructor does.
std::unique_ptr<Backend> create_native_backend(const Checkpoint& checkpoint, const BackendOptions& options);

/// The scalar double reference as a backend, for gates: the oracle, thousands of times slower than any engine. Reads
/// the checkpoint whenever it runs: it must outlive the backend.
std::unique_ptr<Backend> create_reference_backend(const Checkpoint& checkpoint, const BackendOptions& options);

}  // namespace paceline
