#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "model/model_weights.h"
#include "model/pass/head_attention.h"
#include "model/pass/pass_memory.h"
#include "model/stage_clock.h"
#include "network/network.h"

namespace paceline {

/// How the threads of a team share a pass.
struct Team {
  ThreadPool* pool = nullptr;
  int thread = 0;
  int threads = 1;              ///< 1: this thread runs the pass alone
  bool split_rows = false;      ///< each thread takes some rows through all columns, else some columns of all rows
  StageClock* clock = nullptr;  ///< this thread's; null: nothing is timed
};

/// Takes packed sequences through the whole network. All threads of a team call run with the same sequences.
class ForwardPass {
 public:
  /// `shared` holds the team's activations, `own` what a thread needs for itself; for a team of one they are the same.
  ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels);
  void run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared, PassMemory& own) const;

 private:
  const Network& network_;
  const ModelWeights& weights_;
  const Kernels& kernels_;
};

}  // namespace paceline
