#pragma once

#include "bench/bench.h"
#include "bench/contender.h"
#include "bench/recommendation.h"

namespace paceline {

/// Everything of run_bench between the prepared texts and the finished results: starts the workers, runs the gate,
/// plans within the budget, explores, confirms, recommends. Needs no engine, no file but the cache, and no real clock.
/// `results` holds what is known already (checkpoint, workload, roof) and gets the rest; also when interrupted.
void run_measurement(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                     BenchResults& results);

/// Starts every contender, probes it and runs the gate: all of run_verify.
void run_gate_alone(const BenchOptions& options, const BenchSubject& subject, const BenchEnvironment& environment,
                    BenchResults& results);

}  // namespace paceline
