#pragma once

#include <cmath>
#include <string>

#include "bench/results.h"

namespace paceline {

/// Results as a run on two cores would give them: three backends, batch 1 to 64, both orders. Made up, but of realistic
/// size, so that a page made from them looks like a real one. For tests alone.
namespace example {

inline Estimate around(double median, double relative) {
  return {.median = median, .low = median * (1 - relative), .high = median * (1 + relative)};
}

/// Share of padding that grows with the batch as given, and hardly where sorted.
inline double padding(int32_t batch_size, Order order) {
  const double doublings = std::log2(batch_size);
  return order == Order::kInput ? 1 - 1 / (1 + 0.31 * doublings) : 0.008 * doublings;
}

inline double ms_per_text(const std::string& backend, int32_t batch_size, Order order) {
  const double start = 1 + 0.25 / batch_size;  // what a single text costs more
  if (backend == "native") return 24.0 * start;
  const double real = backend == "onnxruntime" ? 31.5 : 33.0;
  const double padded = backend == "onnxruntime" ? 1 / (1 - padding(batch_size, order)) : 1;
  return real * start * padded;
}

inline void add_cells(BenchResults& results, const std::string& backend) {
  for (const int32_t batch_size : {1, 2, 4, 8, 16, 32, 64}) {
    for (const Order order : {Order::kInput, Order::kLength}) {
      CellResult cell;
      cell.configuration = {.backend = backend, .batch_size = batch_size, .order = order, .threads = 2};
      cell.padding_ratio = padding(batch_size, order);
      cell.rounds = 3;
      const double ms = ms_per_text(backend, batch_size, order);
      cell.ms_per_text = around(ms, 0.02);
      cell.ms_per_text_min = ms * 0.98;
      cell.texts_per_second = 1000 / ms;
      cell.tokens_per_second = 31.2 * 1000 / ms;
      cell.speedup = around(ms_per_text("onnxruntime", 1, Order::kInput) / ms, 0.02);
      cell.roof_share = 0.1715 * 31.2 / ms * 1000 / 290;  // GFLOP a token, tokens a text, GFLOP/s of the roof
      for (int32_t round = 0; round < 3; ++round) {
        cell.timings.push_back({.round = round, .batches = 2, .tokens = 624, .share = 0.02, .seconds = ms * 20 / 1000});
      }
      results.cells.push_back(cell);
    }
  }
}

inline BackendResult backend(const std::string& name, bool padded, double load_ms) {
  BackendResult is;
  is.backend = name;
  is.compute_type = "fp32";
  is.version = name == "native" ? "0.1.0" : "1.30.0";
  is.settings =
      name == "native" ? "kernels avx512, packed weights" : "all graph optimisations, fused attention, no spinning";
  is.dtype = "fp32";
  is.padded = padded;
  is.threads = 2;
  is.load_ms = load_ms;
  is.peak_memory_bytes = name == "native" ? 968'000'000 : 1'412'000'000;
  is.gate = {.ran = true,
             .accepted = true,
             .oracle = name == "native" ? "reference" : "native fp32",
             .texts = name == "native" ? 9 : 256,
             .max_abs_logit_diff = 1.4e-6,
             .mean_abs_logit_diff = 2.1e-7,
             .max_relative_diff = 6.2e-7,
             .agreement = 1,
             .verdict = "Same label for every text, logits within 1e-4 of the largest."};
  return is;
}

inline BackendResult failed_backend(const std::string& name, const std::string& error) {
  BackendResult is;
  is.backend = name;
  is.compute_type = "fp32";
  is.error = error;
  return is;
}

inline void add_machine(BenchResults& results) {
  MachineRecord& machine = results.machine;
  machine.cpu = "AMD EPYC 9V74 80-Core Processor";
  machine.isa_levels = {"avx512", "avx2", "scalar"};
  machine.active_isa = "avx512";
  machine.cpu_flags = {"avx2", "avx512f", "fma"};
  machine.topology = {.logical_cpus = 2,
                      .physical_cores = 1,
                      .affinity = {0, 1},
                      .l2_bytes = 1 << 20,
                      .l3_bytes = 32 << 20,
                      .usable = 2};
  machine.memory_bytes = 8'322'000'000;
  machine.kernel = "Linux 6.1.0";
  machine.virtualization = "KVM";
  results.roof = {.fp32_gflops = 290, .memory_bandwidth_gbps = 31.5, .clock_ghz = 3.7, .theoretical_fp32_gflops = 296};
  results.load_before = {.load_average = 0.31, .other_share = 0.01};
  results.load_after = {.load_average = 2.04, .other_share = 0.02};
}

inline void add_workload(BenchResults& results) {
  WorkloadSummary& workload = results.workload;
  workload.source = "texts.txt";
  workload.texts_available = 4447;
  workload.texts = 1000;
  workload.mean_tokens = 31.2;
  workload.min_tokens = 4;
  workload.max_tokens = 127;
  workload.median_tokens = 27;
  workload.p95_tokens = 68;
  workload.token_histogram = {31, 122, 204, 211, 148, 97, 66, 44, 29, 18, 12, 8, 5, 3, 1, 1};
  workload.tokenize_ms_per_text = 0.061;
  results.checkpoint = {.model_dir = "out/demo/camembert-base-shaped",
                        .hash = "9f2c41d0a7e35b68",
                        .architecture = "camembert",
                        .dtype = "fp32",
                        .parameters = 110'625'029,
                        .random_weights = true,
                        .labels = {"label 0", "label 1", "label 2", "label 3", "label 4"},
                        .mflops_per_token = 171.5};
}

inline void confirm(BenchResults& results, const Configuration& configuration) {
  for (CellResult& cell : results.cells) {
    if (cell.configuration != configuration) continue;
    cell.confirmed = true;
    cell.rounds = 10;
    cell.ms_per_text = around(cell.ms_per_text.median, 0.006);
    for (int32_t round = 0; round < 10; ++round) {
      cell.timings.push_back(
          {.round = round, .confirmation = true, .batches = 2, .tokens = 640, .share = 0.02, .seconds = 0.49});
    }
  }
}

}  // namespace example

inline BenchResults example_results() {
  BenchResults results;
  results.paceline_version = "0.1.0";
  results.build_id = "GCC 12.2.0, Release";
  results.command = "paceline bench out/demo/camembert-base-shaped --text out/demo/texts.txt --out out/demo/report";
  results.started_at = "2026-03-02T09:30:00Z";
  results.seconds = 312;
  example::add_machine(results);
  example::add_workload(results);
  results.backends = {example::backend("native", false, 640), example::backend("onnxruntime", true, 1210),
                      example::backend("onnxruntime-unpadded", false, 1190)};
  for (const BackendResult& backend : results.backends) example::add_cells(results, backend.backend);
  const auto configuration = [](const char* backend, int32_t batch_size, Order order) {
    return Configuration{.backend = backend, .batch_size = batch_size, .order = order, .threads = 2};
  };
  results.baseline = configuration("onnxruntime", 1, Order::kInput);
  results.recommendation = {.valid = true,
                            .choice = configuration("native", 64, Order::kLength),
                            .reason =
                                "native takes 24.1 ms per text at batch 64, sorted by length. The runner-up, "
                                "onnxruntime at batch 64, sorted by length, takes 1.38 times as long (1.37 to 1.39).",
                            .runner_up = configuration("onnxruntime", 64, Order::kLength),
                            .lead = {.median = 1.38, .low = 1.37, .high = 1.39}};
  for (const auto& chosen : {results.recommendation.choice, configuration("native", 32, Order::kLength),
                             configuration("native", 64, Order::kInput), *results.baseline}) {
    example::confirm(results, chosen);
  }
  results.end_to_end.ms_per_text = 24.3;
  results.notes = {"Each round times 1 in 8 of the batches, to keep the budget of 5 min."};
  return results;
}

}  // namespace paceline
