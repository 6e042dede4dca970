#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "model/model_weights.h"
#include "model/pass/pass_memory.h"
#include "model/pass/pass_part.h"
#include "model/pass/pass_rows.h"

namespace paceline {

/// Attention head by head over a pass's queries, keys and values. Only `own` is written to, beside what is asked for.
class HeadAttention {
 public:
  /// `shared` holds the queries, keys and values.
  HeadAttention(const ModelWeights& weights, const Kernels& kernels, const PassMemory& shared, PassMemory& own)
      : weights_(weights), kernels_(kernels), memory_(shared), own_(own) {}

  /// What one head mixes for some rows of a sequence.
  struct Part {
    const BlockWeights* block = nullptr;
    const PassSequence* sequence = nullptr;
    int32_t head = 0;
    Range rows{};           ///< of the pass
    Rows out{};             ///< of the first of the rows, in this head's columns
    NumberRows out_bf16{};  ///< instead of `out` where it has data
  };

  /// Turns queries and keys of some heads of a sequence's rows to their places. Once for each row, before it is used.
  void rotate(const BlockWeights& block, const PassSequence& sequence, Range rows, Range heads) const;

  /// Computes the part before this, which prefetches this one's rows; this one's turn comes with the next or finish().
  void add(const Part& part);
  void finish();

 private:
  NumberRows part_of_head(const BlockWeights& block, int32_t row, int32_t part, int32_t head) const;
  AttentionArgs args_of(const Part& part) const;
  void run(const AttentionArgs& args) const;
  void attend_by_position(const Part& part);
  void score_positions(const Part& part, Range rows, Range columns) const;
  void multiply(const PackedDense& dense, Range columns, NumberRows in, int32_t rows, Rows out) const;

  const ModelWeights& weights_;
  const Kernels& kernels_;
  const PassMemory& memory_;
  PassMemory& own_;
  AttentionArgs waiting_;
};

}  // namespace paceline
