#pragma once

#include <span>

#include "kernels/kernels.h"
#include "model/model_weights.h"
#include "model/pass/pass_memory.h"
#include "model/pass/pass_part.h"
#include "model/pass/team.h"
#include "network/network.h"

namespace paceline {

/// Takes packed sequences through the whole network. All threads of a team call run with the same sequences.
class ForwardPass {
 public:
  ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels);

  /// `shared` holds the team's activations, `own` what a thread needs for itself; for a team of one they are the same.
  void run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared, PassMemory& own) const;

 private:
  const Network& network_;
  const ModelWeights& weights_;
  const Kernels& kernels_;
};

}  // namespace paceline
