#pragma once

#include <string>

#include "bench/results.h"

namespace paceline {

/// report.json: everything the results hold but the single timings (those are in samples.csv), indented, with a final
/// newline. Figures that could not be measured are left out, or null where a reader expects the field.
std::string report_json(const BenchResults& results);

}  // namespace paceline
