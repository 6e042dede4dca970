#pragma once

#include "bench/bench.h"
#include "bench/contender.h"
#include "results/results.h"

namespace paceline {

/// Measures text to labels as the valid recommendation of `results` would do it, for end_to_end_seconds(), in a worker
/// of its own. What fails is a note.
void measure_text_to_labels(const BenchOptions& options, const BenchSubject& subject,
                            const BenchEnvironment& environment, BenchResults& results);

}  // namespace paceline
