#pragma once

#include <memory>

#include "base/function_ref.h"

namespace paceline {

/// Threads that wait for work: they spin briefly after a task, then sleep. The caller is thread 0.
/// Allocates nothing per call. One thread calls run() at a time.
class ThreadPool {
 public:
  /// `threads` >= 1; `threads - 1` are started. Throws Error{resource_exhausted} where the system has no room for them.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  /// Calls task(thread) once on each thread, 0 <= thread < size(), and returns when all are done.
  /// The first exception of any thread is rethrown here. Throws Error{invalid_argument} in a forked child of the
  /// process that made the pool, where its threads are not.
  void run(FunctionRef<void(int)> task);

  /// A barrier for the threads inside one run(): all size() threads must call it.
  void barrier();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline
