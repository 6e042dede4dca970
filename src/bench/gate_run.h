#pragma once

#include <limits>
#include <string>
#include <vector>

#include "bench/contender.h"
#include "bench/scoring_run.h"

namespace paceline {

/// The gate with its workers: who answers, who is the oracle, what is remembered.

struct GateRun {
  /// Seconds that the scalar reference took; 0 where its answer was remembered. Once per checkpoint, so no part of the
  /// budget.
  double reference_seconds = 0;
  std::vector<std::string> notes;
  ScoringRun scoring{};  ///< of labelled texts
  bool no_room = false;  ///< native or the scalar reference could not check for want of memory, threads or open files
};

/// About how long the scalar reference will take; 0 where its answer is remembered.
double expected_reference_seconds(const BenchSubject& subject);

/// About how long the backends take to answer, in so many seconds where that is possible, and on how many texts.
struct GateOutlook {
  double seconds = 0;
  std::size_t texts = 0;
  bool all_fp32 = true;  ///< only then may it compare fewer texts
};
GateOutlook expected_gate(const std::vector<Contender>& contenders, const BenchSubject& subject, double seconds);

struct GateRunOptions {
  double min_agreement = 0.995;
  /// Where it would take longer, fewer texts are compared, at least kFewestGateTexts, and a note says so; not where
  /// another type than fp32 is checked.
  double seconds = std::numeric_limits<double>::infinity();
  /// The scalar reference checks native on these texts; nothing is recalled, nor remembered.
  bool check_anew = false;
  ScoringOptions scoring{};  ///< of labelled texts, where there are some
};

/// Fills result.gate of every running contender. The oracle is torch-eager fp32 where it runs and agrees with native
/// fp32, else native fp32 (in a worker of its own where it is no contender). The scalar reference checks native on the
/// 8 shortest texts and the longest, once per checkpoint; where it rejects native, PyTorch stays the oracle. With
/// labelled texts the backends are scored against the oracle then.
GateRun run_gate(std::vector<Contender>& contenders, const BenchSubject& subject, const GateRunOptions& options,
                 const BenchEnvironment& environment);

}  // namespace paceline
