#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

/// What the figures belong to, as HTML.

std::string workload_facts(const BenchResults& results);
std::string machine_facts(const BenchResults& results);
/// How it was measured, in words.
std::string method(const BenchResults& results);

}  // namespace paceline
