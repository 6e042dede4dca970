#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/kernels.h"
#include "model/stage_clock.h"
#include "model/weight_source.h"
#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// How a batch is divided between threads. The logits are the same bits whichever is taken.
enum class Split {
  kAuto,       ///< the fastest for the batch
  kColumns,    ///< all rows, each thread some columns of every product: few tokens
  kSequences,  ///< each thread takes its sequences through the whole network alone: enough tokens, evenly divisible
  kRows,       ///< each thread takes some rows: one long text, or uneven sequences
};

struct EncoderOptions {
  int32_t threads = 1;
  const Kernels* kernels = nullptr;     ///< null: active_kernels()
  NumberType type = NumberType::kFp32;  ///< of the products
  Split split = Split::kAuto;
  int32_t pass_tokens = 1024;  ///< tokens that one thread takes through the network at once, so activations stay in L3
};

/// A network with packed weights. Packed from the first token to the last: no padding, no mask. The logits of a
/// sequence depend on its own tokens alone, bit for bit, not on batch, threads or split.
class EncoderModel {
 public:
  /// Packs every weight; `source` is not needed afterwards. Throws as load_weights.
  EncoderModel(const Network& network, const WeightSource& source, const EncoderOptions& options);
  ~EncoderModel();

  /// `logits` [B, outputs]. Allocates nothing once a batch of as many sequences has been run.
  /// Throws Error{invalid_argument} as check_batch does.
  void run(const PackedBatch& batch, std::span<float> logits);

  /// run() with a clock in each thread: the same logits, some 50 ns later for each stage of each block.
  StageTimes run_timed(const PackedBatch& batch, std::span<float> logits);

  const Network& network() const;
  const Kernels& kernels() const;
  int32_t threads() const;
  /// Of the weights as they are kept.
  std::size_t weight_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
