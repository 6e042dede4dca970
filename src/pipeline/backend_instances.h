#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "backend/backend_options.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"
#include "pipeline/run_watch.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// Threads of each instance: what was asked for, or the usable CPUs shared out among them, at least one.
/// Throws Error{invalid_argument}: instances below 1 or above 1,024, threads below 0, or more than 1,024 in all. More
/// than there are CPUs is allowed, as a plan may come from a larger machine; it is only slow.
int32_t threads_of_each(int32_t threads, int32_t instances);

/// Batches to run, each the indices of its texts in `encodings`.
struct BatchList {
  std::span<const std::span<const uint32_t>> batches;
  std::span<const Encoding> encodings;
};

/// Where a run leaves what it finds. Batches of one run must not share a text, unless no logits are wanted.
struct BatchOutputs {
  std::span<float> logits{};    ///< [texts, outputs]: row i is text i; empty: dropped
  std::span<double> seconds{};  ///< of each batch, ids in memory to logits in memory; empty: not wanted
};

struct BatchRun {
  bool complete = false;  ///< every batch was run
  double seconds = 0;     ///< wall time of all
};

/// Copies of a checkpoint's backend that take batches from one list. Each is created and run by a thread of its own,
/// which is pinned to CPUs of its own (see cut_cpus): its engine's threads and the memory that it touches first stay
/// there. The checkpoint's mapped file is shared; what an engine makes of it is not.
///
/// A single instance is run by the caller's thread, pinned to nothing, batch after batch.
class BackendInstances {
 public:
  using Factory = std::function<std::unique_ptr<Backend>(const Checkpoint&, const BackendOptions&)>;

  /// `options.threads` is that of each, as threads_of_each has it. The checkpoint must outlive this.
  /// Throws Error: as threads_of_each does, what `create` throws, resource_exhausted where no thread can be started.
  BackendInstances(const Checkpoint& checkpoint, const BackendOptions& options, int32_t instances,
                   const Factory& create);
  ~BackendInstances();

  int32_t size() const;
  /// Of one instance: its threads are its own.
  const BackendInfo& info() const;

  /// Runs every batch; several instances start with the largest, so that none is left alone with it at the end.
  /// The first error of an instance ends the run and is thrown here; this can be used again after it.
  /// Throws Error{invalid_argument} where an output has another size or in a forked child of the process that made
  /// this, and whatever a backend or `watch.done` throws.
  /// One thread calls at a time. Allocates nothing in steady state where the engine allows it.
  BatchRun run(const BatchList& list, const BatchOutputs& outputs, const RunWatch& watch = {});

  /// Runs every batch once on each instance, all at the same time, and drops the answers.
  void warm_up(const BatchList& list);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
