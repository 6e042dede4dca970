#include "report/report_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/findings.h"
#include "report/format.h"

namespace paceline {
namespace {

/// Fields stay in the order in which they are written: a reader of the file meets what matters first.
using OrderedJson = nlohmann::ordered_json;

/// The number, or null where it is none.
OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }

OrderedJson text_or_null(const std::string& text) { return text.empty() ? OrderedJson(nullptr) : OrderedJson(text); }

/// An interval that was not estimated is null, so that nobody takes 0 for a bound.
OrderedJson estimate_json(const Estimate& estimate) {
  const bool interval = has_interval(estimate);
  return {{"median", has_median(estimate) ? number(estimate.median) : OrderedJson(nullptr)},
          {"low", interval ? number(estimate.low) : OrderedJson(nullptr)},
          {"high", interval ? number(estimate.high) : OrderedJson(nullptr)}};
}

OrderedJson configuration_json(const Configuration& configuration) {
  OrderedJson json = {{"backend", configuration.backend},
                      {"compute_type", configuration.compute_type},
                      {"device", configuration.device}};
  if (configuration.batch_size > 0) json["batch_size"] = configuration.batch_size;
  if (configuration.max_batch_tokens > 0) json["max_batch_tokens"] = configuration.max_batch_tokens;
  json["order"] = order_name(configuration.order);
  json["threads"] = configuration.threads;
  return json;
}

OrderedJson configuration_or_null(const std::optional<Configuration>& configuration) {
  return configuration ? configuration_json(*configuration) : OrderedJson(nullptr);
}

OrderedJson machine_json(const BenchResults& results) {
  const MachineRecord& machine = results.machine;
  const CpuTopology& topology = machine.topology;
  const auto load = [](const MachineLoad& is) {
    return OrderedJson{{"load_average", number(is.load_average)}, {"other_share", number(is.other_share)}};
  };
  int32_t threads = topology.usable;
  if (!results.backends.empty()) threads = results.backends.front().threads;
  return {{"cpu", machine.cpu},
          {"isa", machine.active_isa},
          {"isa_levels", machine.isa_levels},
          {"cpu_flags", machine.cpu_flags},
          {"threads", threads},
          {"logical_cpus", topology.logical_cpus},
          {"physical_cores", topology.physical_cores},
          {"usable_cpus", topology.usable},
          {"affinity", topology.affinity},
          {"cgroup_quota", number(topology.cgroup_quota)},
          {"l2_bytes", topology.l2_bytes},
          {"l3_bytes", topology.l3_bytes},
          {"memory_bytes", machine.memory_bytes},
          {"kernel", machine.kernel},
          {"virtualization", text_or_null(machine.virtualization)},
          {"roof_gflops",
           {{"fp32", number(results.roof.fp32_gflops)},
            {"bf16", number(results.roof.bf16_gflops)},
            {"int8", number(results.roof.int8_gops)}}},
          {"theoretical_fp32_gflops", number(results.roof.theoretical_fp32_gflops)},
          {"clock_ghz", number(results.roof.clock_ghz)},
          {"memory_bandwidth_gbps", number(results.roof.memory_bandwidth_gbps)},
          {"load_before", load(results.load_before)},
          {"load_after", load(results.load_after)}};
}

OrderedJson checkpoint_json(const CheckpointSummary& checkpoint) {
  return {{"model_dir", checkpoint.model_dir},
          {"hash", checkpoint.hash},
          {"architecture", checkpoint.architecture},
          {"dtype", checkpoint.dtype},
          {"parameters", checkpoint.parameters},
          {"random_weights", checkpoint.random_weights},
          {"labels", checkpoint.labels},
          {"mflops_per_token", number(checkpoint.mflops_per_token)}};
}

OrderedJson workload_json(const WorkloadSummary& workload) {
  return {{"source", workload.source},
          {"texts", workload.texts},
          {"texts_available", workload.texts_available},
          {"rows_skipped", workload.rows_skipped},
          {"seed", workload.seed},
          {"mean_tokens", number(workload.mean_tokens)},
          {"median_tokens", number(workload.median_tokens)},
          {"p95_tokens", number(workload.p95_tokens)},
          {"min_tokens", workload.min_tokens},
          {"max_tokens", workload.max_tokens},
          {"truncated_texts", workload.truncated_texts},
          {"tokenize_ms_per_text", number(workload.tokenize_ms_per_text)},
          {"token_histogram", {{"width", workload.histogram_width}, {"counts", workload.token_histogram}}}};
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
  if (!backend.error.empty()) json["error"] = backend.error;
  json["version"] = backend.version;
  json["settings"] = backend.settings;
  json["dtype"] = backend.dtype;
  json["padded"] = backend.padded;
  json["threads"] = backend.threads;
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

OrderedJson cell_json(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  OrderedJson json = configuration_json(cell.configuration);
  json["backend_version"] = backend != nullptr ? text_or_null(backend->version) : OrderedJson(nullptr);
  json["padding_ratio"] = number(cell.padding_ratio);
  if (!was_measured(cell)) {
    json["error"] = cell.error.empty() ? "not measured" : cell.error;
    return json;
  }
  json["rounds"] = cell.rounds;
  json["confirmed"] = cell.confirmed;
  json["partial"] = cell.partial;
  json["ms_per_text"] = estimate_json(cell.ms_per_text);
  json["ms_per_text"]["min"] = number(cell.ms_per_text_min);
  json["texts_per_second"] = number(cell.texts_per_second);
  json["tokens_per_second"] = number(cell.tokens_per_second);
  json["speedup"] = estimate_json(cell.speedup);
  json["roof_share"] = number(cell.roof_share);
  add_backend_fields(json, backend);
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

OrderedJson recommendation_json(const Recommendation& recommendation) {
  if (!recommendation.valid) return {{"valid", false}, {"reason", recommendation.reason}};
  return {{"valid", true},
          {"configuration", configuration_json(recommendation.choice)},
          {"reason", recommendation.reason},
          {"objective", recommendation.objective},
          {"runner_up", configuration_or_null(recommendation.runner_up)},
          {"lead", estimate_json(recommendation.lead)},
          {"equal", recommendation.outcome == Lead::kEqual},
          {"outcome", lead_name(recommendation.outcome)}};
}

}  // namespace

std::string report_json(const BenchResults& results) {
  OrderedJson json = {{"schema_version", BenchResults::kSchemaVersion},
                      {"paceline_version", results.paceline_version},
                      {"build_id", results.build_id},
                      {"command", results.command},
                      {"started_at", results.started_at},
                      {"seconds", number(results.seconds)},
                      {"interrupted", results.interrupted}};
  json["recommendation"] = recommendation_json(results.recommendation);
  json["baseline"] = configuration_or_null(results.baseline);
  json["end_to_end_ms_per_text"] =
      results.end_to_end.ms_per_text > 0 ? number(results.end_to_end.ms_per_text) : OrderedJson(nullptr);
  json["notes"] = results.notes;
  json["checkpoint"] = checkpoint_json(results.checkpoint);
  json["workload"] = workload_json(results.workload);
  json["machine"] = machine_json(results);
  json["configurations"] = configurations_json(results);
  json["length_sweep"] = OrderedJson::array();
  json["backends"] = OrderedJson::array();
  for (const BackendResult& backend : results.backends) json["backends"].push_back(backend_json(backend));
  // Names and messages come from outside: bytes that are not UTF-8 are replaced, never a reason to lose the report.
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace paceline
