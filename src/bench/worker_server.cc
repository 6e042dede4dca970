#include "bench/worker_server.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <set>

#include "backend/registry.h"
#include "base/clock.h"
#include "base/cpu_topology.h"
#include "base/process_status.h"
#include "base/system_failure.h"
#include "base/temporary_path.h"
#include "bench/end_to_end.h"
#include "bench/frame_channel.h"
#include "bench/warm_up.h"
#include "bench/worker_protocol.h"

namespace paceline {
namespace {

/// What a shell says of a process that SIGTERM ended.
constexpr int kTerminated = 128 + SIGTERM;

/// An export for the cache may be half-written.
extern "C" void on_terminate(int /*signal*/) {
  remove_temporary_paths();
  ::_exit(kTerminated);
}

/// Rows that nobody reads.
class NoSink : public TextSink {
 public:
  void write(std::string_view /*text*/) override {}
};

class WorkerServer {
 public:
  explicit WorkerServer(const SessionMaker& make_session) : make_session_(make_session) {}

  Json answer(const Json& message) {
    const std::string op = json_string(message, "op", "worker");
    if (op == "load") return load(message);
    if (op == "texts") return take_texts(message);
    if (op == "time") return time(message);
    if (op == "logits") return logits(message);
    if (op == "memory") return {{"peak_memory_bytes", status_bytes("VmHWM")}};
    if (op == "end_to_end") return end_to_end(message);
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[worker] does not know the request {}.", op));
  }

 private:
  Json load(const Json& message) {
    const WorkerRequest request = decode_request(message);
    const double start = monotonic_seconds();
    session_.instances.reset();  // before the checkpoint that they read
    session_ = make_session_(request);
    return encode_loaded({.info = session_.instances->info(), .load_ms = 1e3 * (monotonic_seconds() - start)});
  }

  Json take_texts(const Json& message) {
    std::vector<Encoding> more = decode_encodings(message);
    std::move(more.begin(), more.end(), std::back_inserter(encodings_));
    return {{"texts", encodings_.size()}};
  }

  Json time(const Json& message) {
    const std::vector<BatchIndices> batches = decode_batches(message, encodings_.size());
    for (const BatchIndices& batch : batches) {
      if (warm_.insert(shape_of(batch)).second) instances().warm_up(list_of({&batch, 1}));
    }
    if (!batches.empty() && needs_wake(padded_tokens(batches.front()))) {
      instances().warm_up(list_of({&batches.front(), 1}));
    }
    std::vector<double> seconds(batches.size());
    const BatchRun run = instances().run(list_of(batches), {.seconds = seconds});
    return {{"seconds", encode_numbers(std::span<const double>(seconds))}, {"total_seconds", run.seconds}};
  }

  /// In the order of the indices; the instances answer in that of the texts.
  Json logits(const Json& message) {
    const std::vector<BatchIndices> batches = decode_batches(message, encodings_.size());
    const auto outputs = static_cast<std::size_t>(instances().info().outputs);
    std::vector<float> of_texts(encodings_.size() * outputs);
    instances().run(list_of(batches), {.logits = of_texts});
    std::vector<float> all;
    for (const BatchIndices& batch : batches) {
      warm_.insert(shape_of(batch));
      for (const uint32_t text : batch) {
        const auto row = of_texts.begin() + static_cast<std::ptrdiff_t>(text * outputs);
        all.insert(all.end(), row, row + static_cast<std::ptrdiff_t>(outputs));
      }
    }
    return {{"logits", encode_numbers(std::span<const float>(all))}};
  }

  BackendInstances& instances() const {
    if (session_.instances == nullptr) {
      throw Error(ErrorCode::kInvalidArgument, "[worker] asked to run before it loaded a backend.");
    }
    return *session_.instances;
  }

  /// Ids in memory to logits in memory: packing belongs to it, as it does in classify.
  BatchList list_of(std::span<const BatchIndices> batches) {
    spans_.assign(batches.begin(), batches.end());
    return {.batches = spans_, .encodings = encodings_};
  }

  int64_t padded_tokens(const BatchIndices& batch) const {
    std::size_t longest = 0;
    for (uint32_t text : batch) longest = std::max(longest, encodings_[text].input_ids.size());
    return static_cast<int64_t>(batch.size() * longest);
  }

  ShapeClass shape_of(const BatchIndices& batch) const { return shape_class(batch.size(), padded_tokens(batch)); }

  static Json end_to_end(const Json& message) {
    std::vector<Text> texts;
    const EndToEndRequest request = decode_end_to_end(message, texts);
    if (texts.empty()) throw Error(ErrorCode::kInvalidArgument, "[worker] no texts to run from end to end.");
    NoSink sink;
    const EndToEndRun run = run_end_to_end(request, texts, sink);
    return {{"ms_per_text", 1e3 * run.seconds / static_cast<double>(texts.size())}};
  }

  const SessionMaker& make_session_;
  WorkerSession session_;
  std::vector<Encoding> encodings_;
  std::set<ShapeClass> warm_;
  std::vector<std::span<const uint32_t>> spans_;
};

Json answer_or_error(WorkerServer& server, const std::string& payload) {
  try {
    return throwing_errors_only([&] { return server.answer(parse_json(payload, "worker")); });
  } catch (const Error& error) {
    return encode_error(error);
  }
}

WorkerSession open_session(const WorkerRequest& request) {
  auto checkpoint = std::make_shared<Checkpoint>(Checkpoint::open(request.model_dir, request.checkpoint_options));
  WorkerSession session;
  session.instances =
      std::make_unique<BackendInstances>(*checkpoint, request.backend, request.instances, create_backend);
  session.keeps = std::move(checkpoint);
  return session;
}

}  // namespace

int serve_worker(int in_descriptor, int out_descriptor, const SessionMaker& make_session) {
  WorkerServer server(make_session);
  std::string payload;
  try {
    while (read_frame(in_descriptor, payload) == ReadStatus::kFrame) {
      const Json reply = answer_or_error(server, payload);
      write_frame(out_descriptor, reply.dump(-1, ' ', true, Json::error_handler_t::replace));
    }
  } catch (const Error&) {
    return 1;  // bench is gone or talks nonsense; nobody is left to tell
  }
  return 0;
}

int run_worker(int in_descriptor, int out_descriptor) {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, on_terminate);
  return serve_worker(in_descriptor, out_descriptor, open_session);
}

}  // namespace paceline
