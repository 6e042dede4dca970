#include "results/report_json.h"

#include "results/describe.h"
#include "results/json_parts.h"
#include "results/lookup.h"

namespace paceline {
namespace {

/// An interval that was not estimated is null, so that nobody takes 0 for a bound.
OrderedJson estimate_json(const Estimate& estimate) {
  const bool interval = has_interval(estimate);
  return {{"median", has_median(estimate) ? number(estimate.median) : OrderedJson(nullptr)},
          {"low", interval ? number(estimate.low) : OrderedJson(nullptr)},
          {"high", interval ? number(estimate.high) : OrderedJson(nullptr)}};
}

OrderedJson configuration_or_null(const std::optional<Configuration>& configuration) {
  return configuration ? configuration_json(*configuration) : OrderedJson(nullptr);
}

OrderedJson gate_json(const GateResult& gate) {
  if (!gate.ran) return nullptr;
  return {{"accepted", gate.accepted},
          {"oracle", gate.oracle},
          {"texts", gate.texts},
          {"max_abs_logit_diff", number(gate.max_abs_logit_diff)},
          {"mean_abs_logit_diff", number(gate.mean_abs_logit_diff)},
          {"max_relative_diff", number(gate.max_relative_diff)},
          {"agreement", number(gate.agreement)},
          {"verdict", gate.verdict}};
}

OrderedJson backend_json(const BackendResult& backend) {
  OrderedJson json = {{"backend", backend.backend}, {"compute_type", backend.compute_type}, {"device", backend.device}};
  json["engine"] = text_or_null(backend.engine);
  json["file"] = text_or_null(backend.file);
  if (!backend.error.empty()) json["error"] = backend.error;
  json["version"] = backend.version;
  json["settings"] = backend.settings;
  json["dtype"] = backend.dtype;
  json["padded"] = backend.padded;
  json["threads"] = backend.threads;
  json["instances"] = backend.instances;
  json["load_ms"] = number(backend.load_ms);
  json["peak_memory_bytes"] = backend.peak_memory_bytes;
  json["gate"] = gate_json(backend.gate);
  return json;
}

/// What is known of the backend, repeated in each of its configurations: a row says everything by itself.
void add_backend_fields(OrderedJson& json, const BackendResult* backend) {
  const bool gated = backend != nullptr && backend->gate.ran;
  json["agreement"] = gated ? number(backend->gate.agreement) : OrderedJson(nullptr);
  json["max_abs_logit_diff"] = gated ? number(backend->gate.max_abs_logit_diff) : OrderedJson(nullptr);
  json["accepted"] = gated ? OrderedJson(backend->gate.accepted) : OrderedJson(nullptr);
  json["peak_memory_bytes"] = backend != nullptr ? OrderedJson(backend->peak_memory_bytes) : OrderedJson(nullptr);
  json["load_ms"] = backend != nullptr ? number(backend->load_ms) : OrderedJson(nullptr);
}

/// A list for each field of the timings: a line each in the file, and their names are not repeated.
OrderedJson timings_json(const std::vector<Timing>& timings) {
  OrderedJson json;
  for (const char* key : {"round", "confirmation", "batches", "tokens", "share", "seconds"}) {
    json[key] = OrderedJson::array();
  }
  for (const Timing& timing : timings) {
    json["round"].push_back(timing.round);
    json["confirmation"].push_back(timing.confirmation);
    json["batches"].push_back(timing.batches);
    json["tokens"].push_back(timing.tokens);
    json["share"].push_back(number(timing.share));
    json["seconds"].push_back(number(timing.seconds));
  }
  return json;
}

/// Latency of single texts; null where it was not asked (other batch sizes).
OrderedJson latency_json(const CellResult& cell) {
  if (!has_latency(cell)) return nullptr;
  return {{"p50", number(cell.p50_ms)},
          {"p90", number(cell.p90_ms)},
          {"p95", number(cell.p95_ms)},
          {"p99", number(cell.p99_ms)}};
}

OrderedJson cell_json(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  OrderedJson json = configuration_json(cell.configuration);
  json["backend_version"] = backend != nullptr ? text_or_null(backend->version) : OrderedJson(nullptr);
  json["padding_ratio"] = number(cell.padding_ratio);
  json["predicted_ms_per_text"] = number(cell.predicted_ms_per_text);
  json["rounds"] = cell.rounds;
  json["confirmed"] = cell.confirmed;
  json["partial"] = cell.partial;
  if (was_measured(cell)) {
    json["ms_per_text"] = estimate_json(cell.ms_per_text);
    json["ms_per_text"]["min"] = number(cell.ms_per_text_min);
    json["texts_per_second"] = number(cell.texts_per_second);
    json["tokens_per_second"] = number(cell.tokens_per_second);
    json["speedup"] = estimate_json(cell.speedup);
    json["latency_ms"] = latency_json(cell);
    json["roof_share"] = number(cell.roof_share);
    add_backend_fields(json, backend);
  } else {
    json["error"] = cell.error.empty() ? "not measured" : cell.error;
  }
  if (!cell.timings.empty()) json["timings"] = timings_json(cell.timings);
  return json;
}

bool has_cells(const BenchResults& results, const BackendResult& backend) {
  for (const CellResult& cell : results.cells) {
    if (find_backend(results, cell.configuration) == &backend) return true;
  }
  return false;
}

OrderedJson configurations_json(const BenchResults& results) {
  OrderedJson list = OrderedJson::array();
  for (const CellResult& cell : results.cells) list.push_back(cell_json(results, cell));
  for (const BackendResult* backend : failed_backends(results)) {
    if (has_cells(results, *backend)) continue;
    list.push_back({{"backend", backend->backend},
                    {"backend_version", text_or_null(backend->version)},
                    {"compute_type", backend->compute_type},
                    {"device", backend->device},
                    {"error", backend->error}});
  }
  return list;
}

OrderedJson constraints_json(const Constraints& constraints) {
  return {{"objective", objective_name(constraints.objective)},
          {"max_latency_ms", number(constraints.max_latency_ms)},
          {"max_memory_bytes", constraints.max_memory_bytes},
          {"min_agreement", number(constraints.min_agreement)},
          {"price_per_hour", number(constraints.price_per_hour)}};
}

OrderedJson recommendation_json(const BenchResults& results) {
  const Recommendation& is = results.recommendation;
  OrderedJson rejections = OrderedJson::array();
  for (const Rejection& rejection : is.rejections) {
    rejections.push_back({{"what", rejection.what}, {"why", rejection.why}});
  }
  OrderedJson json = {{"valid", is.valid}};
  json["configuration"] = is.valid ? configuration_json(is.choice) : OrderedJson(nullptr);
  json["reason"] = is.reason;
  json["objective"] = is.objective;
  json["runner_up"] = configuration_or_null(is.runner_up);
  json["lead"] = estimate_json(is.lead);
  json["equal"] = is.outcome == Lead::kEqual;
  json["outcome"] = lead_name(is.outcome);
  json["cost_per_million"] = is.cost_per_million > 0 ? number(is.cost_per_million) : OrderedJson(nullptr);
  json["rejections"] = std::move(rejections);
  json["constraints"] = constraints_json(results.constraints);
  return json;
}

OrderedJson length_sweep_json(const BenchResults& results) {
  OrderedJson list = OrderedJson::array();
  for (const LengthResult& row : results.length_sweep) {
    OrderedJson json = configuration_json(row.configuration);
    json.erase("order");
    json["tokens"] = row.tokens;
    json["rounds"] = row.rounds;
    json["ms_per_text"] = estimate_json(row.ms_per_text);
    json["tokens_per_second"] = number(row.tokens_per_second);
    json["roof_share"] = number(row.roof_share);
    list.push_back(std::move(json));
  }
  return list;
}

OrderedJson end_to_end_json(const EndToEnd& is) {
  if (!(is.ms_per_text > 0)) return nullptr;
  return {{"ms_per_text", number(is.ms_per_text)}, {"texts", is.texts}};
}

/// How the run went.
OrderedJson run_json(const BenchResults& results) {
  return {{"schema_version", BenchResults::kSchemaVersion},
          {"paceline_version", results.paceline_version},
          {"build_id", results.build_id},
          {"command", results.command},
          {"started_at", results.started_at},
          {"seconds", number(results.seconds)},
          {"predicted_seconds", number(results.predicted_seconds)},
          {"protocol", results.protocol},
          {"continued", results.continued},
          {"dry_run", results.dry_run},
          {"interrupted", results.interrupted},
          {"named_type_rejected", results.named_type_rejected}};
}

}  // namespace

std::string report_json(const BenchResults& results) {
  OrderedJson json = run_json(results);
  json["recommendation"] = recommendation_json(results);
  json["baseline"] = configuration_or_null(results.baseline);
  json["end_to_end_ms_per_text"] =
      results.end_to_end.ms_per_text > 0 ? number(results.end_to_end.ms_per_text) : OrderedJson(nullptr);
  json["end_to_end"] = end_to_end_json(results.end_to_end);
  json["notes"] = results.notes;
  json["checkpoint"] = checkpoint_json(results.checkpoint);
  json["workload"] = workload_json(results.workload);
  json["machine"] = machine_json(results);
  json["backends"] = OrderedJson::array();
  for (const BackendResult& backend : results.backends) json["backends"].push_back(backend_json(backend));
  json["configurations"] = configurations_json(results);
  json["length_sweep"] = length_sweep_json(results);
  return json_text(json);
}

}  // namespace paceline
