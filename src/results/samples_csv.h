#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

/// samples.csv: a line for each timing with its configuration, so that every figure of the report can be recomputed.
/// ms_per_text = seconds / tokens x mean tokens per text x 1,000, as in the report.
std::string samples_csv(const BenchResults& results);

}  // namespace paceline
