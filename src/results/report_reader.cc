#include "results/report_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <variant>

#include "base/file.h"
#include "base/json.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "results/report_fields.h"

namespace paceline {
namespace {

constexpr JsonLimits kLimits{.max_bytes = std::size_t{64} << 20, .max_depth = 16};

/// The schema is looked at first: a newer report may mean something else by every other field.
void check_schema(const JsonFieldReader& visitor) {
  int32_t schema = 0;
  visitor.check(visitor.has("schema_version"),
                [] { return "\"schema_version\" is missing; a report.json of paceline was expected"; });
  visitor.integer("schema_version", schema, {.low = 1});
  if (schema > BenchResults::kSchemaVersion) {
    throw Error{ErrorCode::kUnsupported,
                fmt::format("[{}] the report has schema_version {}, this paceline {} reads up to {}. Update paceline.",
                            visitor.where(), schema, version(), BenchResults::kSchemaVersion)};
  }
  // An object with a version may still be a plan or another output.
  for (const char* key : {"configurations", "recommendation", "checkpoint", "workload", "machine", "backends"}) {
    visitor.check(visitor.has(key),
                  [&] { return fmt::format("\"{}\" is missing; a report.json of paceline was expected", key); });
  }
}

/// What every ratio of times rests on: which work was timed.
void check_work(const JsonFieldReader& visitor, const BenchResults& results) {
  if (std::ranges::none_of(results.cells, was_measured)) return;
  const auto check = [&](std::string_view key, bool known) {
    visitor.check(known, [&] {
      return fmt::format("\"{}\" is missing or 0, although times were measured; a value above 0 was expected", key);
    });
  };
  check("checkpoint: parameters", results.checkpoint.parameters > 0);
  check("workload: texts", results.workload.texts > 0);
  check("workload: mean_tokens", results.workload.mean_tokens > 0);
  check("workload: max_tokens", results.workload.max_tokens > 0);
  visitor.check(!results.dry_run, [] { return "\"dry_run\" is true, although times were measured"; });
}

using ConfigurationKey = std::tuple<std::string, std::string, std::string, int32_t, int32_t, Order, int32_t, int32_t>;

std::vector<CellResult> read_cells(const JsonFieldReader& visitor) {
  std::vector<CellResult> cells;
  std::set<ConfigurationKey> seen;
  const auto read = [&](JsonFieldReader& row, std::monostate) {
    // Without an order it is a backend that is out, repeated from "backends" for whoever reads only this list.
    if (!row.has("order")) return;
    CellResult& cell = cells.emplace_back();
    cell_fields(row, cell, nullptr);
    const Configuration& is = cell.configuration;
    const bool first = seen.emplace(is.backend, is.compute_type, is.device, is.batch_size, is.max_batch_tokens,
                                    is.order, is.threads, is.instances)
                           .second;
    row.check(first, [] { return "this configuration stands in the list twice, once was expected"; });
  };
  std::vector<std::monostate> rows;
  visitor.rows("configurations", rows, read, {.most = kMostConfigurations});
  return cells;
}

}  // namespace

BenchResults report_from_json(std::string_view text, std::string_view where) {
  const Json json = parse_json(text, where, kLimits);
  const JsonFieldReader visitor(json, std::string(where));
  check_schema(visitor);
  BenchResults results;
  report_fields(visitor, results);
  results.cells = read_cells(visitor);
  sweep_fields(visitor, results);
  check_work(visitor, results);
  return results;
}

BenchResults read_report(const std::filesystem::path& file) {
  return report_from_json(read_file(file, kLimits.max_bytes), file.string());
}

}  // namespace paceline
