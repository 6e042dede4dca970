#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "results/results.h"

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

/// An engine of made-up speed.
struct Engine {
  std::string backend;
  std::string compute_type;
  double real_ms = 0;    ///< of a mean text in a large batch without padding
  double single_ms = 0;  ///< that a batch costs more, whatever is in it
  bool padded = false;
};

inline double ms_per_text(const Engine& engine, int32_t batch_size, Order order) {
  const double waste = engine.padded ? 1 / (1 - padding(batch_size, order)) : 1;
  return engine.real_ms * waste + engine.single_ms / batch_size;
}

/// GFLOP/s of the machine at the engine's compute type.
inline double roof(const Engine& engine) {
  if (engine.compute_type == "bf16") return 560;
  return engine.compute_type == "int8" ? 1130 : 290;
}

inline CellResult cell(const Engine& engine, int32_t batch_size, Order order, int32_t rounds) {
  CellResult cell;
  cell.configuration = {.backend = engine.backend,
                        .compute_type = engine.compute_type,
                        .batch_size = batch_size,
                        .order = order,
                        .threads = 2};
  const double ms = ms_per_text(engine, batch_size, order);
  cell.padding_ratio = padding(batch_size, order);
  cell.rounds = rounds;
  cell.ms_per_text = around(ms, 0.02);
  cell.ms_per_text_min = ms * 0.98;
  cell.texts_per_second = 1000 / ms;
  cell.tokens_per_second = 31.2 * 1000 / ms;
  cell.predicted_ms_per_text = ms * 1.1;
  cell.roof_share = 0.1715 * 31.2 / ms * 1000 / roof(engine);  // GFLOP a token, tokens a text
  for (int32_t round = 0; round < rounds; ++round) {
    const double seconds = ms * 20 / 1000 * (1 + 0.003 * ((round * 7) % 5 - 2));
    cell.timings.push_back({.round = round, .batches = 2, .tokens = 624, .share = 0.02, .seconds = seconds});
  }
  if (batch_size == 1 && order == Order::kInput) {
    cell.p50_ms = 0.9 * ms;
    cell.p90_ms = 1.6 * ms;
    cell.p95_ms = 2.1 * ms;
    cell.p99_ms = 3.4 * ms;
  }
  return cell;
}

inline void add_cells(BenchResults& results, const Engine& engine, int32_t rounds) {
  for (const int32_t batch_size : {1, 2, 4, 8, 16, 32, 64}) {
    for (const Order order : {Order::kInput, Order::kLength}) {
      results.cells.push_back(cell(engine, batch_size, order, rounds));
    }
  }
}

inline void add_sweep(BenchResults& results, const Engine& engine, const std::vector<int32_t>& lengths) {
  for (const int32_t batch_size : {1, 8, 32}) {
    for (const int32_t tokens : lengths) {
      const double ms = (engine.real_ms * (1 + tokens / 900.0)) * tokens / 31.2 + engine.single_ms / batch_size;
      LengthResult row;
      row.configuration = {
          .backend = engine.backend, .compute_type = engine.compute_type, .batch_size = batch_size, .threads = 2};
      row.tokens = tokens;
      row.rounds = 3;
      row.ms_per_text = around(ms, 0.02);
      row.tokens_per_second = tokens * 1000 / ms;
      row.roof_share = 0.1715 * tokens / ms * 1000 / roof(engine);
      results.length_sweep.push_back(row);
    }
  }
}

/// Speed-ups against a cell.
inline void set_baseline(BenchResults& results, const Configuration& baseline) {
  results.baseline = baseline;
  const auto found = std::find_if(results.cells.begin(), results.cells.end(),
                                  [&](const CellResult& cell) { return cell.configuration == baseline; });
  const double ms = found->ms_per_text.median;
  for (CellResult& cell : results.cells) cell.speedup = around(ms / cell.ms_per_text.median, 0.02);
}

inline BackendResult backend(const std::string& name, bool padded, double load_ms) {
  BackendResult is;
  is.backend = is.engine = name;
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
  workload.texts = workload.sequences = 1000;
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
      cell.timings.push_back({.round = round,
                              .confirmation = true,
                              .batches = 2,
                              .tokens = 640,
                              .share = 0.02,
                              .seconds = 0.02 * cell.ms_per_text.median});
    }
  }
}

inline const Engine kNative{"native", "fp32", 24, 6, false};
inline const Engine kOnnx{"onnxruntime", "fp32", 31.5, 7.9, true};
inline const Engine kUnpadded{"onnxruntime-unpadded", "fp32", 33, 8.3, false};

inline Configuration configuration(const Engine& engine, int32_t batch_size, Order order) {
  return {.backend = engine.backend,
          .compute_type = engine.compute_type,
          .batch_size = batch_size,
          .order = order,
          .threads = 2};
}

inline void add_run(BenchResults& results) {
  results.paceline_version = "0.1.0";
  results.build_id = "GCC 12.2.0, Release";
  results.command = "paceline bench out/demo/camembert-base-shaped --text out/demo/texts.txt --out out/demo/report";
  results.started_at = "2026-03-02T09:30:00Z";
  results.seconds = 312;
  results.predicted_seconds = 298;
  results.end_to_end = {.ms_per_text = 24.3, .texts = 1000};
}

inline void add_recommendation(BenchResults& results) {
  results.recommendation = {.valid = true,
                            .choice = configuration(kNative, 64, Order::kLength),
                            .reason =
                                "native takes 24.1 ms per text at batch 64, sorted by length. The runner-up, "
                                "onnxruntime at batch 64, sorted by length, takes 1.38 times as long (1.37 to 1.39).",
                            .runner_up = configuration(kOnnx, 64, Order::kLength),
                            .lead = {.median = 1.38, .low = 1.37, .high = 1.39},
                            .cost_per_million = 1.21,
                            .rejections = {}};
  results.recommendation.rejections = {
      {"onnxruntime fp32, batch 64, sorted by length", "takes 1.38 times as long (1.37 to 1.39)"},
      {"onnxruntime-unpadded fp32, batch 64, as given", "takes 1.37 times as long (1.35 to 1.40)"}};
  results.constraints.price_per_hour = 0.18;
}

}  // namespace example

inline BenchResults example_results() {
  using example::kNative, example::kOnnx, example::kUnpadded;
  BenchResults results;
  example::add_run(results);
  example::add_machine(results);
  example::add_workload(results);
  results.backends = {example::backend("native", false, 640), example::backend("onnxruntime", true, 1210),
                      example::backend("onnxruntime-unpadded", false, 1190)};
  for (const auto& engine : {kNative, kOnnx, kUnpadded}) {
    example::add_cells(results, engine, 3);
    example::add_sweep(results, engine, {8, 32, 128, 512});
  }
  example::set_baseline(results, example::configuration(kOnnx, 1, Order::kInput));
  example::add_recommendation(results);
  for (const auto& chosen :
       {results.recommendation.choice, example::configuration(kNative, 32, Order::kLength),
        example::configuration(kNative, 64, Order::kInput), example::configuration(kUnpadded, 64, Order::kInput),
        example::configuration(kOnnx, 64, Order::kLength), *results.baseline}) {
    example::confirm(results, chosen);
  }
  results.notes = {"Each round times 1 in 8 of the batches, to keep the budget of 5 min."};
  return results;
}

/// As large as a run of the article's protocol on a CPU gets: five backends, some at several compute types, everything
/// at five rounds; one export of the user's own, and an engine that gives wrong answers.
inline BenchResults article_results() {
  const std::vector<example::Engine> engines = {
      {"native", "fp32", 24, 6, false},       {"native", "bf16", 13.4, 4, false},
      {"native", "int8", 9.1, 3.6, false},    {"onnxruntime", "fp32", 31.5, 7.9, true},
      {"onnxruntime", "int8", 15.2, 6, true}, {"onnxruntime-unpadded", "fp32", 33, 8.3, false},
      {"torchscript", "fp32", 36, 19, true},  {"torch-eager", "fp32", 37.5, 31, true},
      {"my-export.onnx", "fp32", 34, 9, true}};
  BenchResults results;
  example::add_run(results);
  example::add_machine(results);
  example::add_workload(results);
  results.protocol = "article";
  results.continued = 1;
  results.seconds = 3 * 3600 + 1260;
  results.roof.bf16_gflops = 560;
  results.roof.int8_gops = 1130;
  for (const example::Engine& engine : engines) {
    BackendResult backend = example::backend(engine.backend, engine.padded, 600 + 40 * engine.single_ms);
    backend.compute_type = engine.compute_type;
    results.backends.push_back(backend);
    example::add_cells(results, engine, 5);
    example::add_sweep(results, engine, {8, 16, 32, 64, 128, 256, 512});
  }
  results.backends.back().engine = "onnxruntime";
  results.backends.back().file = "/models/my-export.onnx";
  GateResult& rejected = results.backends[2].gate;
  rejected.accepted = false;
  rejected.agreement = 0.953;
  rejected.max_abs_logit_diff = 0.41;
  rejected.max_relative_diff = 0.09;
  rejected.verdict = "12 of 256 texts got another label: agreement 0.953, at least 0.995 is needed.";
  results.backends.push_back(example::failed_backend("openvino", "not installed: run ./dev setup openvino"));
  example::set_baseline(results, example::configuration(engines[7], 1, Order::kInput));
  results.recommendation = {.valid = true,
                            .choice = example::configuration(engines[1], 64, Order::kLength),
                            .reason = "native bf16 takes 13.5 ms per text at batch 64, sorted by length.",
                            .runner_up = example::configuration(engines[4], 64, Order::kLength),
                            .lead = {.median = 1.19, .low = 1.17, .high = 1.21},
                            .cost_per_million = 0.675,
                            .rejections = {}};
  results.constraints = {.max_latency_ms = 80, .max_memory_bytes = 2'000'000'000, .price_per_hour = 0.18};
  for (const example::Engine& engine : engines) {
    const Configuration best = example::configuration(engine, 64, Order::kLength);
    example::confirm(results, best);
    if (best == results.recommendation.choice) continue;
    const double ratio = example::ms_per_text(engine, 64, Order::kLength) / 13.46;
    const std::string slower =
        fmt::format("takes {:.2f} times as long ({:.2f} to {:.2f})", ratio, ratio * 0.98, ratio * 1.02);
    results.recommendation.rejections.push_back(
        {fmt::format("{} {}, batch 64, sorted by length", engine.backend, engine.compute_type),
         engine.compute_type == "int8" && engine.backend == "native" ? "its answers differ: " + rejected.verdict
                                                                     : slower});
  }
  example::confirm(results, *results.baseline);
  results.notes = {"Two compute types of onnxruntime were measured, as both are installed."};
  return results;
}

/// article_results() with labels: bf16 costs nothing that can be seen, int8 of native two points.
inline BenchResults labelled_results() {
  BenchResults results = article_results();
  results.labelled = {.source = "test.csv",
                      .label_column = "label",
                      .oracle = "torch-eager fp32",
                      .texts_available = 2000,
                      .texts = 2000};
  results.constraints.max_accuracy_loss = 0.005;
  for (BackendResult& backend : results.backends) {
    if (!backend.error.empty()) continue;
    const double loss = backend.compute_type == "fp32"   ? 0
                        : backend.compute_type == "bf16" ? 0.0005
                        : backend.backend == "native"    ? 0.02
                                                         : 0.003;
    const double value = 0.912 - loss;
    AccuracyResult& accuracy = backend.accuracy.emplace();
    accuracy.headline = {value, value - 0.013, value + 0.012};
    accuracy.macro_f1 = {value - 0.03, value - 0.05, value - 0.01};
    if (backend.backend != "torch-eager") accuracy.difference = {-loss, -loss - 0.002, -loss + 0.002};
  }
  GateResult& rejected = results.backends[2].gate;
  rejected.basis = GateBasis::kAccuracy;
  rejected.verdict =
      "its accuracy changes by -2.00 points (95 % interval -2.20 to -1.80), a loss of 0.50 points is "
      "allowed (2,000 labelled texts against torch-eager fp32).";
  return results;
}

}  // namespace paceline
