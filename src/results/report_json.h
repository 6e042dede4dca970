#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

/// report.json: everything the results hold, so that report_from_json() gives them back, indented, with a final
/// newline. Figures that could not be measured are left out, or null where a reader expects the field.
std::string report_json(const BenchResults& results);

}  // namespace paceline
