#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/cell_planner.h"
#include "bench/labelled_texts.h"
#include "bench/worker.h"
#include "bench/workload.h"
#include "checkpoint/checkpoint.h"
#include "paceline/error.h"

namespace paceline {

/// What is measured, without any engine: the texts, and what has to be known of the checkpoint.
struct BenchSubject {
  std::filesystem::path model_dir;
  CheckpointOptions checkpoint_options{};
  std::string checkpoint_hash;
  std::filesystem::path cache_dir;
  Workload workload;
  WorkTable work;
  ProblemType problem_type = ProblemType::kSingleLabelClassification;
  bool has_labels = true;
  int32_t threads = 1;      ///< for what is not a backend's: tokenizing, the roof
  int32_t usable_cpus = 1;  ///< of this process
  /// Sequences of exact lengths for the length sweep; a worker knows them by the indices after the sample's.
  std::vector<Encoding> length_texts;
  /// Texts whose labels are known; a worker knows their sequences by the indices after those.
  std::optional<LabelledTexts> labelled{};

  uint32_t first_labelled() const { return static_cast<uint32_t>(workload.encodings.size() + length_texts.size()); }
};

/// What a run needs of the world; tests bring workers and a clock of their own.
struct BenchEnvironment {
  WorkerFactory start_worker;
  std::function<double()> now = monotonic_seconds;
  std::function<void(const std::string&)> show = [](const std::string&) {};  ///< what is going on, for the progress bar
  std::optional<double> began = {};  ///< when the command began: it then read the texts and measured the roof
};

/// A backend at a compute type with the worker that holds it.
struct Contender {
  BackendResult result;
  bool named = false;              ///< the user asked for this backend by name
  std::unique_ptr<Worker> worker;  ///< none where it did not start or has failed
  CostModel cost;
  int32_t outputs = 0;
  bool crashed = false;           ///< the worker's process ended or hung, rather than say what is wrong
  int restarts_left = 0;          ///< of crashed workers
  double first_load_seconds = 0;  ///< beyond an ordinary load: an export for the cache, a cold disk; once

  std::string name() const;  ///< "native fp32", "torch-eager fp16 on cuda:0"
  bool running() const { return worker != nullptr; }

  /// The worker has run batches of such shapes.
  void note_shapes(std::span<const BatchIndices> batches, std::span<const int32_t> lengths);

  /// Keeps the reason and lets the worker go.
  void fail(const Error& error);
};

/// Calls `use` with the worker of a running contender; an Error becomes its reason, so that the others go on.
/// Whether it went well.
bool with_worker(Contender& contender, const std::function<void(Worker&)>& use);

/// A line for each reason that keeps contenders from running, with their names.
std::string left_out_words(std::span<const Contender> contenders);

/// What a worker is to load for a contender.
BackendOptions backend_options(const BackendResult& result, const std::filesystem::path& cache_dir);

/// What of the machine decides what is measured.
struct SelectionMachine {
  int32_t usable_cpus = 1;
  std::vector<std::string> cpu_flags;
};

struct Selection {
  std::vector<Contender> contenders;  ///< not started
  std::vector<std::string> notes;     ///< what was left out, and why
};

/// Every (backend, compute type, device, threads, instances) that is chosen, and the user's own files.
/// Throws Error{invalid_argument} for an unknown backend, a compute type that none of the backends has, or more threads
/// than the CPUs hold; {not_found} for a file; {unavailable} for a device that none of them runs on.
Selection select_contenders(const BenchChoice& choice, const SelectionMachine& machine);

/// Starts the worker, loads and hands over the texts. A load above kSlowLoadSeconds is repeated in a fresh process:
/// the first may have exported the model or read it from a cold disk, and neither time nor memory of that are meant.
/// Throws Error{unavailable} for a named backend that is not installed; other failures are the contender's.
void start_contender(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment);
inline constexpr double kSlowLoadSeconds = 3;

/// Starts a contender that crashed again, as long as it has restarts left. Where none of them helps, the first reason
/// stays. Whether it runs.
bool revive_contender(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment);

/// A worker is started again at most that often where rounds are saved: a run of hours outlives a crash.
inline constexpr int kMostRestarts = 3;

/// Times two shapes (one text and kProbeTexts texts of about median length) and fits the contender's cost.
void probe_contender(Contender& contender, const BenchSubject& subject);
inline constexpr std::size_t kProbeTexts = 8;

}  // namespace paceline
