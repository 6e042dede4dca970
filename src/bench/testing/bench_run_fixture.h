#pragma once

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/testing/temporary_folder.h"
#include "batch/batch_planner.h"
#include "bench/bench_run.h"
#include "bench/testing/simulated_worker.h"
#include "statistics/random.h"

namespace paceline {

/// CamemBERT-base on two cores, in time: native packs, onnxruntime pads.
inline void fill_usual(SimulatedWorld& world) {
  world.backends["native fp32"] = {.fixed_seconds = 0.004, .seconds_per_token = 0.0008};
  world.backends["onnxruntime fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.001, .padded = true};
  world.backends["onnxruntime-unpadded fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.00105};
  world.backends["reference fp32"] = {.seconds_per_token = 0.05};
}

/// A whole run over simulated workers: 1,000 texts, three backends, and a clock of the simulation.
class BenchRunTest : public testing::Test {
 protected:
  void SetUp() override {
    fill_usual(world_);
    Random random(42);
    std::vector<double> flops(201);
    for (std::size_t n = 0; n < flops.size(); ++n) flops[n] = 1e8 * static_cast<double>(n);
    Workload& workload = subject_.workload;
    for (int i = 0; i < 1000; ++i) {
      Encoding encoding;
      // Right-skewed from 4 to 200 tokens, about 30 on average, as sentences are.
      const double length = 4 + 196 * std::pow(random.uniform(), 6.5);
      encoding.input_ids.assign(static_cast<std::size_t>(length), i);
      workload.encodings.push_back(encoding);
      workload.texts.push_back({.first = fmt::format("text {}", i), .second = {}});
    }
    summarize(workload);
    subject_.work = WorkTable(flops, workload.lengths);
    subject_.checkpoint_hash = "0123456789abcdef0123456789abcdef";
    subject_.cache_dir = cache_.path();
    subject_.threads = 2;
    subject_.usable_cpus = 2;
    options_.choice.backends = usual_;
    forget_stop();
    results_.roof.fp32_gflops = 200;
    results_.workload = workload.summary;
  }

  void forget_stop() {
    world_.stop = std::stop_source();
    world_.interrupt_at = INFINITY;
    options_.stop = world_.stop.get_token();
  }

  void run() {
    if (started_at_ < 0) started_at_ = world_.now;
    run_measurement(options_, subject_, world_.environment(), results_);
  }

  std::string notes() const { return fmt::format("{}", fmt::join(results_.notes, "\n")); }

  std::set<int32_t> sizes() const {
    std::set<int32_t> sizes;
    for (const CellResult& one : results_.cells) sizes.insert(one.configuration.batch_size);
    return sizes;
  }

  double spent() const { return world_.now - started_at_; }

  const CellResult& cell(const std::string& backend, int32_t batch_size, Order order) const {
    for (const CellResult& one : results_.cells) {
      const Configuration& at = one.configuration;
      if (at.backend == backend && at.batch_size == batch_size && at.order == order) return one;
    }
    throw std::runtime_error("no such cell");
  }

  const BackendResult& backend(const std::string& name) const {
    return *std::find_if(results_.backends.begin(), results_.backends.end(),
                         [&](const BackendResult& one) { return one.backend == name; });
  }

  const std::vector<std::string> usual_{"native", "onnxruntime", "onnxruntime-unpadded"};
  TemporaryFolder cache_;
  SimulatedWorld world_;
  BenchSubject subject_;
  BenchOptions options_;
  BenchResults results_;
  double started_at_ = -1;
};

/// Milliseconds per text that the formula of a simulated backend gives over all batches of a plan.
inline double true_ms(const SimulatedBackend& backend, const std::vector<int32_t>& lengths, int32_t batch_size,
                      Order order) {
  const BatchPlan plan = plan_batches(lengths, {.batch_size = batch_size, .order = order});
  double seconds = 0;
  for (const PlannedBatch& batch : plan.batches) {
    const int64_t tokens = backend.padded ? batch.padded_tokens() : batch.tokens;
    seconds += backend.fixed_seconds + backend.seconds_per_token * static_cast<double>(tokens);
  }
  return 1e3 * seconds / static_cast<double>(lengths.size());
}

}  // namespace paceline
