#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "machine/machine.h"
#include "results/results.h"
#include "targets/targets.h"

namespace paceline {

struct TargetRunOptions {
  std::filesystem::path model_dir;
  std::filesystem::path text_file;
  std::filesystem::path executable;  ///< of paceline, which starts the backends' processes
  int rounds = 9;
  std::vector<std::string> only;  ///< runners whose name contains one of these; empty: all
  std::function<void(const std::string&)> show;
};

/// Seconds of the fastest of some calls, for every round.
using Series = std::vector<double>;

/// What was measured, round by round: every series is as long as the roofs are.
struct TargetTimes {
  std::vector<Roof> roofs;  ///< the higher of before and after the round
  std::map<std::pair<Runner, BatchShape>, Series> seconds;
  std::map<Runner, double> load_seconds;     ///< the fastest of three
  std::map<Runner, std::string> missing;     ///< why there is no time
  std::map<BatchShape, double> dense_flops;  ///< of everything but attention's two products
  std::map<BatchShape, double> attention_flops;
};

/// Every runner and shape that the targets name, each runner in a process of its own, one at a time; the runners of a
/// round in an order of their own.
TargetTimes measure_targets(const std::vector<Target>& targets, const TargetRunOptions& options);

/// What came of one target.
struct Verdict {
  bool measured = false;
  bool failed = false;  ///< a backend that was asked for could not run: a row that is missed
  std::string why_not;
  Estimate value;
  double at_roof = 0;     ///< what a backend at the whole roof would reach here: no kernel gets beyond; 0: unknown
  bool required = false;  ///< not missed: the interval reaches it
  bool stretch = false;   ///< the median does
};
Verdict judge(const Target& target, const TargetTimes& times);

}  // namespace paceline
