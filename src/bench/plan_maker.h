#pragma once

#include <filesystem>

#include "plan/run_options.h"
#include "results/results.h"

namespace paceline {

/// How the recommended configuration is run: what the plan says and text to labels is measured with.
RunOptions chosen_run(const BenchResults& results, const std::filesystem::path& cache_dir);

}  // namespace paceline
