#pragma once

#include <vector>

#include "results/results.h"

namespace paceline {

/// What belongs together in the results, and what there is to see of it.

/// Whether `backend` is what a configuration runs on.
bool runs(const BackendResult& backend, const Configuration& configuration);
/// The cell of a configuration; null where there is none.
const CellResult* find_cell(const BenchResults& results, const Configuration& configuration);
/// The backend (at its compute type, device, threads and instances) that ran a configuration; where none has just these
/// threads, one that differs in them alone. Null where there is none.
const BackendResult* find_backend(const BenchResults& results, const Configuration& configuration);

/// A cell with figures: it ran, and its time is a number.
bool was_measured(const CellResult& cell);
/// Percentiles of the latency of single texts were taken (batch size 1).
bool has_latency(const CellResult& cell);
/// The gate compared this backend's answers and found them different: shown in red, never recommended.
bool was_rejected(const BackendResult& backend);
bool was_rejected(const BenchResults& results, const CellResult& cell);
bool is_recommended(const BenchResults& results, const CellResult& cell);
bool is_baseline(const BenchResults& results, const CellResult& cell);

/// What the backend of a cell is worth on labelled texts; null where that is not known.
const AccuracyResult* find_accuracy(const BenchResults& results, const Configuration& configuration);

/// Backends that are out: not installed, crashed, killed.
std::vector<const BackendResult*> failed_backends(const BenchResults& results);

}  // namespace paceline
