#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/contender.h"

namespace paceline {

/// The gate with its workers: who answers, who is the oracle, what is remembered.

struct GateRun {
  /// Seconds that the scalar reference took; 0 where its answer was remembered. Once per checkpoint, so no part of the
  /// budget.
  double reference_seconds = 0;
  std::vector<std::string> notes;
};

/// Fills result.gate of every running contender. The oracle is native fp32, in a worker of its own where it is no
/// contender; the scalar reference checks it on the 8 shortest texts and the longest, once per checkpoint.
GateRun run_gate(std::vector<Contender>& contenders, const BenchSubject& subject, double min_agreement,
                 const BenchEnvironment& environment);

}  // namespace paceline
