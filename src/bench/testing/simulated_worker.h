#pragma once

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "bench/contender.h"
#include "paceline/error.h"
#include "statistics/random.h"

namespace paceline {

/// A backend for tests: its time is a formula with noise, its clock is the world's.
struct SimulatedBackend {
  double fixed_seconds = 0.001;
  double seconds_per_token = 0.001;
  bool padded = false;
  double noise = 0.02;     ///< deviation of the logarithm of each batch's time
  double logit_error = 0;  ///< added to every logit
  int changes_every = 0;   ///< of so many texts one gets another label; 0: none
  int not_a_number = -1;   ///< the text whose logits are none, by its first id
  double load_seconds = 0.5;
  double export_seconds = 0;  ///< of the first load
  int64_t peak_memory_bytes = 1000;
  int calls_until_death = -1;  ///< timing calls that go well before the process is killed; -1: it lives
  std::string missing = {};    ///< the engine is not installed: this sentence
};

/// Simulated time and the workers in it.
struct SimulatedWorld {
  double now = 100;
  std::map<std::string, SimulatedBackend> backends;  ///< by "name compute_type"
  std::stop_source stop;
  double interrupt_at = INFINITY;
  Random random{1};
  int starts = 0;
  int alive = 0;
  double end_to_end_ms = 5;

  BenchEnvironment environment();

  void pass(double seconds) {
    now += seconds;
    if (now >= interrupt_at) stop.request_stop();
    if (stop.stop_requested()) throw Interrupted{};
  }

  double noisy(double seconds, double noise) {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    return seconds * std::exp(noise * radius * std::cos(2 * M_PI * random.uniform()));
  }
};

/// What every backend without an error says of a text, by its first id.
inline double true_logit(int first, int label) { return std::sin(static_cast<double>(first) + label); }

class SimulatedWorker final : public Worker {
 public:
  SimulatedWorker(SimulatedWorld& world, const std::string& name) : world_(world), name_(name) {
    ++world_.starts;
    ++world_.alive;
  }
  ~SimulatedWorker() override { --world_.alive; }

  LoadedBackend load(const WorkerRequest& request) override {
    const std::string key = request.backend.name + " " + request.backend.compute_type;
    const auto found = world_.backends.find(key);
    if (found == world_.backends.end()) throw Error(ErrorCode::kUnavailable, fmt::format("[test] no {}.", key));
    backend_ = found->second;
    if (!backend_.missing.empty()) throw Error(ErrorCode::kUnavailable, backend_.missing);
    const double load_seconds = backend_.load_seconds + std::exchange(found->second.export_seconds, 0);
    world_.pass(load_seconds);
    LoadedBackend loaded{.info = {}, .load_ms = 1e3 * load_seconds};
    loaded.info.name = request.backend.name;
    loaded.info.version = "1.0";
    loaded.info.compute_type = request.backend.compute_type;
    loaded.info.padded = backend_.padded;
    loaded.info.threads = request.backend.threads;
    loaded.info.outputs = kOutputs;
    return loaded;
  }

  void send_texts(std::span<const Encoding> encodings) override {
    encodings_.insert(encodings_.end(), encodings.begin(), encodings.end());
  }

  BatchTimes time_batches(std::span<const BatchIndices> batches, double) override {
    if (backend_.calls_until_death >= 0 && calls_++ >= backend_.calls_until_death) {
      throw Error(ErrorCode::kInternal, fmt::format("[worker {}] the process was killed by signal 9 (Killed).", name_));
    }
    BatchTimes times;
    for (const BatchIndices& batch : batches) warm_up(batch);
    if (needs_wake(padded_tokens(batches.front()))) run(batches.front());
    for (const BatchIndices& batch : batches) {
      times.seconds.push_back(run(batch));
      times.total_seconds += times.seconds.back();
    }
    return times;
  }

  std::vector<float> logits(std::span<const BatchIndices> batches, double) override {
    std::vector<float> logits;
    for (const BatchIndices& batch : batches) {
      run(batch);
      warm_.insert(shape_class(batch.size(), padded_tokens(batch)));
      for (uint32_t text : batch) {
        const int first = encodings_[text].input_ids[0];
        const int turn = backend_.changes_every > 0 && first % backend_.changes_every == 0 ? 1 : 0;
        for (int k = 0; k < kOutputs; ++k) {
          const double logit = true_logit(first, (k + turn) % kOutputs) + backend_.logit_error * (k == 0 ? 1 : -1);
          logits.push_back(first == backend_.not_a_number ? NAN : static_cast<float>(logit));
        }
      }
    }
    return logits;
  }

  int64_t peak_memory_bytes() override { return backend_.peak_memory_bytes; }

  double end_to_end(const EndToEndRequest& request, std::span<const Text>) override {
    const RunOptions& run = request.run;
    world_.pass(world_.backends.at(run.backend.name + " " + run.backend.compute_type).load_seconds +
                request.expected_seconds);
    return world_.end_to_end_ms;
  }

  static constexpr int kOutputs = 3;

 private:
  int64_t padded_tokens(const BatchIndices& batch) const {
    std::size_t longest = 0;
    for (uint32_t text : batch) longest = std::max(longest, encodings_[text].input_ids.size());
    return static_cast<int64_t>(longest * batch.size());
  }

  double run(const BatchIndices& batch) {
    int64_t tokens = 0;
    for (uint32_t text : batch) tokens += static_cast<int64_t>(encodings_[text].input_ids.size());
    if (backend_.padded) tokens = padded_tokens(batch);
    const double expected = backend_.fixed_seconds + backend_.seconds_per_token * static_cast<double>(tokens);
    const double seconds = world_.noisy(expected, backend_.noise);
    world_.pass(seconds);
    return seconds;
  }

  void warm_up(const BatchIndices& batch) {
    if (warm_.insert(shape_class(batch.size(), padded_tokens(batch))).second) run(batch);
  }

  SimulatedWorld& world_;
  std::string name_;
  SimulatedBackend backend_;
  std::vector<Encoding> encodings_;
  std::set<ShapeClass> warm_;
  int calls_ = 0;
};

inline BenchEnvironment SimulatedWorld::environment() {
  return {.start_worker = [this](const std::string& name) { return std::make_unique<SimulatedWorker>(*this, name); },
          .now = [this] { return now; },
          .show = [](const std::string&) {}};
}

}  // namespace paceline
