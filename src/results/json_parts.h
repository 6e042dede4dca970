#pragma once

#include <string>

#include "base/json_text.h"
#include "results/results.h"

namespace paceline {

/// What report.json and profile.json have in common.

/// The number, or null where it is none.
OrderedJson number(double value);
OrderedJson text_or_null(const std::string& text);
OrderedJson configuration_json(const Configuration& configuration);
/// What the machine is, its roof and its load.
OrderedJson machine_json(const BenchResults& results);
OrderedJson checkpoint_json(const CheckpointSummary& checkpoint);
OrderedJson workload_json(const WorkloadSummary& workload);

}  // namespace paceline
