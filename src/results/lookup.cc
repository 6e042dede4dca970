#include "results/lookup.h"

#include <algorithm>

#include "results/describe.h"

namespace paceline {

bool runs(const BackendResult& backend, const Configuration& configuration) {
  return backend.backend == configuration.backend && backend.compute_type == configuration.compute_type &&
         backend.device == configuration.device && backend.threads == configuration.threads &&
         backend.instances == configuration.instances;
}

const CellResult* find_cell(const BenchResults& results, const Configuration& configuration) {
  const auto found = std::ranges::find(results.cells, configuration, &CellResult::configuration);
  return found == results.cells.end() ? nullptr : &*found;
}

const BackendResult* find_backend(const BenchResults& results, const Configuration& configuration) {
  const BackendResult* found = nullptr;
  for (const BackendResult& backend : results.backends) {
    if (runs(backend, configuration)) return &backend;
    const bool same = backend.backend == configuration.backend && backend.compute_type == configuration.compute_type &&
                      backend.device == configuration.device;
    if (same && found == nullptr) found = &backend;
  }
  return found;
}

bool was_measured(const CellResult& cell) { return cell.error.empty() && has_median(cell.ms_per_text); }

bool has_latency(const CellResult& cell) { return cell.p50_ms > 0; }

bool was_rejected(const BackendResult& backend) { return backend.gate.ran && !backend.gate.accepted; }

bool was_rejected(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  return backend != nullptr && was_rejected(*backend);
}

bool is_recommended(const BenchResults& results, const CellResult& cell) {
  return results.recommendation.valid && results.recommendation.choice == cell.configuration;
}

bool is_baseline(const BenchResults& results, const CellResult& cell) {
  return results.baseline && *results.baseline == cell.configuration;
}

const AccuracyResult* find_accuracy(const BenchResults& results, const Configuration& configuration) {
  const BackendResult* backend = results.labelled ? find_backend(results, configuration) : nullptr;
  return backend != nullptr && backend->accuracy ? &*backend->accuracy : nullptr;
}

std::vector<const BackendResult*> failed_backends(const BenchResults& results) {
  std::vector<const BackendResult*> failed;
  for (const BackendResult& backend : results.backends) {
    if (!backend.error.empty()) failed.push_back(&backend);
  }
  return failed;
}

}  // namespace paceline
