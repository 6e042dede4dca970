#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "model/model_weights.h"
#include "model/pass/pass_memory.h"
#include "model/pass/pass_rows.h"
#include "model/pass/team.h"
#include "network/network.h"
#include "network/position_rows.h"

namespace paceline {

/// One sequence of a pass.
struct PassSequence {
  const int32_t* ids = nullptr;
  const int32_t* token_types = nullptr;  ///< null: all of type 0
  int32_t tokens = 0;
  int32_t first = 0;        ///< its first row in the pass
  int32_t part = 0;         ///< of the batch, which one thread takes: see SequenceParts
  float* logits = nullptr;  ///< [outputs]

  /// Its rows in the pass.
  Range rows() const { return {first, first + tokens}; }
};

/// One thread's part in one pass: what all of its steps look at.
struct PassPart {
  const Network& network;
  const ModelWeights& weights;
  const Kernels& kernels;
  const Team& team;
  PassMemory& shared;  ///< the team's
  PassMemory& own;     ///< this thread's; the same as `shared` in a team of one
  std::span<const PassSequence> sequences;
  Range own_rows;      ///< for work that goes row by row
  Range product_rows;  ///< for products: all rows where columns are split

  int32_t batch() const { return static_cast<int32_t>(sequences.size()); }
  int32_t tokens() const { return sequences.back().rows().end; }

  const PassSequence& sequence(int32_t index) const { return sequences[static_cast<std::size_t>(index)]; }

  /// The row of the pass that the head reads of a sequence.
  int32_t pooled_row(const PassSequence& sequence) const {
    return sequence.first + pooled_place(network, std::span(sequence.ids, static_cast<std::size_t>(sequence.tokens)));
  }

  const BlockWeights& block(std::size_t layer) const {
    return weights.blocks[static_cast<std::size_t>(network.layers[layer])];
  }
};

}  // namespace paceline
