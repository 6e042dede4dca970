#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "paceline/export.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// What a backend says of itself.
struct BackendInfo {
  std::string name;          ///< "native", "onnxruntime", "onnxruntime-unpadded", ...
  std::string version;       ///< the engine's own version
  std::string device;        ///< "cpu", "cuda:0"
  std::string dtype;         ///< of the weights as stored: "fp32", "fp16", "bf16"
  std::string compute_type;  ///< of the arithmetic: "fp32", "bf16", "int8"
  std::string settings;      ///< the engine's settings in words, shown in the report
  bool padded = false;       ///< it computes on padding: each sequence costs as much as the longest of its batch
  int32_t threads = 1;       ///< threads that compute
  int32_t outputs = 0;       ///< columns of the logits: K labels, or C for an encoder without a head
};

/// Runs one loaded checkpoint. Only one thread may call it at a time. It uses threads of its own.
class PACELINE_EXPORT Backend {
 public:
  virtual const BackendInfo& info() const = 0;

  /// Runs every sequence of `batch`: at least one, each of 1 to max_length tokens. `logits` is [B, outputs], row-major.
  /// After the first batches it allocates no memory, if the engine allows that.
  /// Throws Error: invalid_argument for ids outside the vocabulary, lengths that the model does not take,
  /// or a wrong size of `logits`.
  virtual void run(const PackedBatch& batch, std::span<float> logits) = 0;

  virtual ~Backend();
};

}  // namespace paceline
