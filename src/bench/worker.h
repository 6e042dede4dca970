#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "batch/batch_planner.h"
#include "bench/end_to_end.h"
#include "paceline/backend.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// What a worker loads.
struct WorkerRequest {
  std::filesystem::path model_dir;
  BackendOptions backend;
  int32_t instances = 1;
  CheckpointOptions checkpoint_options{};
};

struct LoadedBackend {
  BackendInfo info;
  double load_ms = 0;  ///< from opening the checkpoint to a backend that can run
};

/// A batch as the worker gets it: indices into the texts sent before.
using BatchIndices = std::vector<uint32_t>;

/// How long batches took. With several instances they overlap: the whole is then less than the sum.
struct BatchTimes {
  std::vector<double> seconds;  ///< of each batch
  double total_seconds = 0;     ///< from the first one's start to the last one's end
};

/// A backend at one compute type in a process of its own. Only one works at a time, the others are blocked.
/// Every call throws Error for what the worker reports, and when the process died or does not answer; the worker is of
/// no use after the latter. `expected_seconds` is a prediction: the call gives up at a large multiple of it.
class Worker {
 public:
  virtual LoadedBackend load(const WorkerRequest& request) = 0;

  /// Texts that later calls name by index; more of them count on from those sent before.
  virtual void send_texts(std::span<const Encoding> encodings) = 0;

  /// Runs each batch and times it, ids in memory to logits in memory. Shapes not seen before are warmed up, uncounted.
  virtual BatchTimes time_batches(std::span<const BatchIndices> batches, double expected_seconds) = 0;

  /// The answers [texts, outputs] in the order of the indices.
  virtual std::vector<float> logits(std::span<const BatchIndices> batches, double expected_seconds) = 0;

  /// Peak resident memory of the process so far.
  virtual int64_t peak_memory_bytes() = 0;

  /// Milliseconds per text, text to labels. Instead of load(), not after it.
  virtual double end_to_end(const EndToEndRequest& request, std::span<const Text> texts) = 0;

  virtual ~Worker() = default;
};

/// Starts an idle worker; `name` is how errors call it ("onnxruntime fp32").
using WorkerFactory = std::function<std::unique_ptr<Worker>(const std::string& name)>;

/// Thrown by a Worker's calls inside bench when the interruption flag is set; never leaves run_bench.
struct Interrupted {};

}  // namespace paceline
