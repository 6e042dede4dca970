#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "bench/accuracy_gate.h"
#include "bench/contender.h"

namespace paceline {

/// What the backends' answers to labelled texts are worth: the gate's workers answer them once it has its oracle.

struct ScoringOptions {
  double max_accuracy_loss = kDefaultMaxAccuracyLoss;
  uint64_t seed = 0;  ///< of the draw where there are more texts
  /// At most; expected_scoring() says for how many there is time.
  std::size_t texts = std::numeric_limits<std::size_t>::max();
};

/// Half of half ... of kMostLabelledTexts, and the first that can tell a loss of the default from none (553 can).
inline constexpr std::size_t kFewestLabelledTexts = 625;

/// About how long it takes until the backends have answered and their answers are scored, and how many texts: where all
/// would take more than `seconds`, half of them or a quarter ..., at least kFewestLabelledTexts. All 0 without labels.
struct ScoringOutlook {
  double seconds = 0;
  std::size_t texts = 0;
};
ScoringOutlook expected_scoring(const std::vector<Contender>& contenders, const BenchSubject& subject, double seconds);

struct ScoringRun {
  std::size_t texts = 0;  ///< that every backend answered
  std::string oracle{};
};

/// Fills result.accuracy of every running contender whose answers the gate could compare, and judges compute types
/// other than fp32 by it. Needs subject.labelled. `oracle` is one of the contenders, or beside them. 0 texts where its
/// answers are no measure: it failed, or not all are numbers.
ScoringRun score_contenders(std::vector<Contender>& contenders, Contender& oracle, const BenchSubject& subject,
                            const ScoringOptions& options, const BenchEnvironment& environment);

}  // namespace paceline
