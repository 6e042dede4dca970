#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/report.h"
#include "results/results.h"
#include "results/statistics.h"

namespace paceline {

/// How two runs differ: an earlier and a later one of the same checkpoint and texts. Pure functions of results.

/// One configuration, or the recommended ones, in both runs.
struct ComparedCell {
  Configuration earlier, later;   ///< the same but for the recommended ones
  Estimate ms_earlier, ms_later;  ///< one round's has no interval
  Estimate ratio;                 ///< later / earlier: above 1 is slower
  bool confirmed = false;         ///< in both runs
  Change change = Change::kUnclear;
  bool regression = false;  ///< confirmed, and slower by more than the tolerance with the whole interval
};

/// How often one backend's answers are right, in both runs.
struct ComparedAccuracy {
  std::string backend;  ///< "native bf16"
  Score earlier, later;
};

enum class DifferenceKind {
  kIncomparable,  ///< another model or other texts: a ratio would compare different work
  kCircumstance,  ///< another machine or state of it: the ratio is true, its cause open
  kVersion,       ///< of Paceline or a backend: what a comparison is usually made for
};

/// Something about the two runs that is not alike.
struct Difference {
  DifferenceKind kind = DifferenceKind::kVersion;
  std::string what;  ///< "the CPU"
  std::string earlier, later;
};

struct Comparison {
  double tolerance = 0;
  std::vector<Difference> differences;       ///< the gravest kind first
  std::optional<ComparedCell> recommended;   ///< where both runs recommend something
  std::vector<ComparedCell> cells;           ///< in both runs: the confirmed first, each by ratio, slowest first
  std::optional<Metric> metric;              ///< of `accuracies`
  std::vector<ComparedAccuracy> accuracies;  ///< backends that both runs scored, by the same metric
  std::vector<Configuration> only_earlier, only_later;  ///< measured in one run alone
  std::vector<std::string> notes;                       ///< in words: what a run was that did not measure all
  std::vector<std::string> lost;  ///< in words: what the earlier run could and the later one cannot; a regression, too

  bool comparable() const;
  bool regressed() const;
};

/// `tolerance` >= 0: the share by which a time may grow without being a regression.
Comparison compare_results(const BenchResults& earlier, const BenchResults& later, double tolerance);

/// The comparison as an object, indented, with a final newline.
std::string comparison_json(const Comparison& comparison);

/// The comparison on one screen.
std::string comparison_text(const Comparison& comparison, const TerminalOptions& options);

}  // namespace paceline
