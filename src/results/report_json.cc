#include "results/report_json.h"

#include <algorithm>
#include <vector>

#include "results/report_fields.h"

namespace paceline {
namespace {

/// A cell, or a backend that is out and has none.
struct ConfigurationRow {
  const CellResult* cell = nullptr;
  const BackendResult* backend = nullptr;
};

bool has_cells(const BenchResults& results, const BackendResult& backend) {
  return std::ranges::any_of(
      results.cells, [&](const CellResult& cell) { return find_backend(results, cell.configuration) == &backend; });
}

std::vector<ConfigurationRow> configuration_rows(const BenchResults& results) {
  std::vector<ConfigurationRow> rows;
  for (const CellResult& cell : results.cells) rows.push_back({&cell, find_backend(results, cell.configuration)});
  for (const BackendResult* backend : failed_backends(results)) {
    if (!has_cells(results, *backend)) rows.push_back({nullptr, backend});
  }
  return rows;
}

void row_fields(JsonFieldWriter& visitor, const ConfigurationRow& row) {
  if (row.cell != nullptr) return cell_fields(visitor, *row.cell, row.backend);
  visitor.name("backend", row.backend->backend);
  visitor.text("backend_version", row.backend->version, {.null_if_empty = true});
  visitor.name("compute_type", row.backend->compute_type);
  visitor.name("device", row.backend->device);
  visitor.text("error", row.backend->error);
}

}  // namespace

std::string report_json(const BenchResults& results) {
  OrderedJson json;
  JsonFieldWriter visitor(json);
  report_fields(visitor, results);
  visitor.rows("configurations", configuration_rows(results), row_fields);
  sweep_fields(visitor, results);
  return json_text(json);
}

}  // namespace paceline
