#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

/// The tables of the page, as HTML; empty without data.

/// The best of each backend and order, and every configuration behind a line that opens it.
std::string speed_tables(const BenchResults& results);
/// How often each backend is right, and what that is less than the oracle.
std::string accuracy_table(const BenchResults& results);
/// What the gate compared, and which backends are out.
std::string gate_table(const BenchResults& results);
/// Versions, memory, load time, settings.
std::string backend_table(const BenchResults& results);
/// Figures of the charts, behind a line that opens them.
std::string latency_table(const BenchResults& results);
std::string sweep_table(const BenchResults& results);

}  // namespace paceline
