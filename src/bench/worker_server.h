#pragma once

#include <functional>
#include <memory>

#include "bench/worker.h"
#include "pipeline/backend_instances.h"

namespace paceline {

/// Where a worker process finds its end of the socket to bench.
inline constexpr int kWorkerDescriptor = 3;

/// The worker process's whole life: answers bench's requests until the other end closes. Returns the exit status.
/// Ignores SIGINT: on Ctrl-C bench decides, and closes. SIGTERM ends it at once, temporary files removed.
int run_worker(int in_descriptor, int out_descriptor);

/// The instances of a backend and whatever has to outlive them.
struct WorkerSession {
  std::shared_ptr<void> keeps;
  std::unique_ptr<BackendInstances> instances;
};
using SessionMaker = std::function<WorkerSession(const WorkerRequest&)>;

/// run_worker with another way to make the backend, for tests.
int serve_worker(int in_descriptor, int out_descriptor, const SessionMaker& make_session);

}  // namespace paceline
