#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

inline constexpr int kProfileSchemaVersion = 1;

/// profile.json: the run, the machine with its roof, and every profile with its stages and their total, indented, with
/// a final newline. Rates of a stage that computes or moves nothing are null.
std::string profile_json(const BenchResults& results);

}  // namespace paceline
