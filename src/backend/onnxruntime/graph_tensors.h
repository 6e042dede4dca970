#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "backend/onnxruntime/graph_signature.h"
#include "batch/padded_batch.h"

namespace paceline {

/// A padded batch as the tensors of a graph's inputs, each in the type that its file declares. Reuses its memory.
class GraphTensors {
 public:
  explicit GraphTensors(const GraphSignature& signature);

  /// The inputs in the order of the file; token types are zeros where the batch has none. They point into `batch` and
  /// into this, and hold until the next call.
  std::span<const Ort::Value> fill(PaddedBatch& batch);

  /// The inputs' names in the same order.
  std::span<const char* const> names() const { return names_; }

 private:
  Ort::Value tensor(const GraphInput& input, std::vector<int64_t>& values, std::vector<std::byte>& converted);

  const GraphSignature& signature_;
  Ort::MemoryInfo memory_;
  std::vector<const char*> names_;
  std::array<int64_t, 2> shape_{};
  std::vector<std::vector<std::byte>> converted_;  ///< one for each input, empty where the file wants int64
  std::vector<Ort::Value> values_;
};

/// Copies an output's values as floats. Throws Error{unsupported} where it is not [batch, outputs]; one output may
/// lack the second dimension.
void read_logits(const Ort::Value& output, int64_t sequences, std::span<float> logits);

}  // namespace paceline
