#include "results/json_parts.h"
#include "base/token_types_name.h"

#include <cmath>

namespace paceline {

OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }

OrderedJson text_or_null(const std::string& text) { return text.empty() ? OrderedJson(nullptr) : OrderedJson(text); }

OrderedJson configuration_json(const Configuration& configuration) {
  OrderedJson json = {{"backend", configuration.backend},
                      {"compute_type", configuration.compute_type},
                      {"device", configuration.device}};
  if (configuration.batch_size > 0) json["batch_size"] = configuration.batch_size;
  if (configuration.max_batch_tokens > 0) json["max_batch_tokens"] = configuration.max_batch_tokens;
  json["order"] = order_name(configuration.order);
  json["threads"] = configuration.threads;
  json["instances"] = configuration.instances;
  return json;
}

OrderedJson machine_json(const BenchResults& results) {
  const MachineRecord& machine = results.machine;
  const CpuTopology& topology = machine.topology;
  const auto load = [](const MachineLoad& is) {
    return OrderedJson{{"load_average", number(is.load_average)}, {"other_share", number(is.other_share)}};
  };
  int32_t threads = topology.usable;
  if (!results.backends.empty()) threads = results.backends.front().threads;
  if (!results.profiles.empty()) threads = results.profiles.front().configuration.threads;
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
  OrderedJson json{{"model_dir", checkpoint.model_dir}};
  if (!checkpoint.options.file.empty()) json["weights"] = checkpoint.options.file.string();
  if (!checkpoint.options.prefix.empty()) json["prefix"] = checkpoint.options.prefix;
  if (!checkpoint.options.base.empty()) json["base"] = checkpoint.options.base.string();
  if (checkpoint.options.token_types != TokenTypes::kAsSaved) {
    json["token_types"] = token_types_name(checkpoint.options.token_types);
  }
  json.update({{"hash", checkpoint.hash},
               {"architecture", checkpoint.architecture},
               {"dtype", checkpoint.dtype},
               {"parameters", checkpoint.parameters},
               {"random_weights", checkpoint.random_weights},
               {"labels", checkpoint.labels},
               {"mflops_per_token", number(checkpoint.mflops_per_token)}});
  return json;
}

OrderedJson workload_json(const WorkloadSummary& workload) {
  OrderedJson json{{"source", workload.source}, {"texts", workload.texts}, {"sequences", workload.sequences}};
  if (workload.long_texts) {
    json["long"] = workload.in_windows() ? "window" : "truncate";
    if (workload.in_windows()) json["stride"] = workload.long_texts->stride;
  }
  json.update({{"texts_available", workload.texts_available},
               {"rows_skipped", workload.rows_skipped},
               {"seed", workload.seed},
               {"mean_tokens", number(workload.mean_tokens)},
               {"median_tokens", number(workload.median_tokens)},
               {"p95_tokens", number(workload.p95_tokens)},
               {"min_tokens", workload.min_tokens},
               {"max_tokens", workload.max_tokens},
               {"truncated_texts", workload.truncated_texts},
               {"tokenize_ms_per_text", number(workload.tokenize_ms_per_text)},
               {"token_histogram", {{"width", workload.histogram_width}, {"counts", workload.token_histogram}}}});
  return json;
}

}  // namespace paceline
