#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/cell_planner.h"
#include "bench/worker.h"
#include "bench/workload.h"
#include "checkpoint/checkpoint.h"

namespace paceline {

/// What is measured, without any engine: the texts, and what has to be known of the checkpoint.
struct BenchSubject {
  std::filesystem::path model_dir;
  std::string checkpoint_hash;
  std::filesystem::path cache_dir;
  Workload workload;
  WorkTable work;
  ProblemType problem_type = ProblemType::kSingleLabelClassification;
  bool has_labels = true;
  int32_t threads = 1;
};

/// What a run needs of the world; tests bring workers and a clock of their own.
struct BenchEnvironment {
  WorkerFactory start_worker;
  std::function<double()> now = monotonic_seconds;
  std::function<void(const std::string&)> show = [](const std::string&) {};  ///< what is going on, for the progress bar
};

/// A backend at a compute type with the worker that holds it.
struct Contender {
  BackendResult result;
  bool named = false;              ///< the user asked for this backend by name
  std::unique_ptr<Worker> worker;  ///< none where it did not start or has failed
  CostModel cost;
  int32_t outputs = 0;
  double first_load_seconds = 0;  ///< beyond an ordinary load: an export for the cache, a cold disk; once

  std::string name() const { return result.backend + " " + result.compute_type; }
  bool running() const { return worker != nullptr; }

  /// The worker has run batches of such shapes.
  void note_shapes(std::span<const BatchIndices> batches, std::span<const int32_t> lengths);

  /// Keeps the reason and lets the worker go.
  void fail(const std::string& reason) {
    result.error = reason;
    worker.reset();
  }
};

/// Calls `use` with the worker of a running contender; an Error becomes its reason, so that the others go on.
/// Whether it went well.
bool with_worker(Contender& contender, const std::function<void(Worker&)>& use);

/// Every (backend, compute type) that the options select, not started. Throws Error{invalid_argument} for an unknown
/// backend or a compute type that none of the backends has.
std::vector<Contender> select_contenders(const BenchOptions& options);

/// Starts the worker, loads and hands over the texts. A load above kSlowLoadSeconds is repeated in a fresh process:
/// the first may have exported the model or read it from a cold disk, and neither time nor memory of that are meant.
/// Throws Error{unavailable} for a named backend that is not installed; other failures are the contender's.
void start_contender(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment);
inline constexpr double kSlowLoadSeconds = 3;

/// Times two shapes (one text and kProbeTexts texts of about median length) and fits the contender's cost.
void probe_contender(Contender& contender, const BenchSubject& subject);
inline constexpr std::size_t kProbeTexts = 8;

}  // namespace paceline
