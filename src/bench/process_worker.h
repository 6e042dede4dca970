#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "bench/bench.h"
#include "bench/worker.h"

namespace paceline {

/// A child process with a socket to it and a file that collects what it prints. Ended and waited for on destruction.
class ChildProcess {
 public:
  /// Runs `executable arguments...`: standard input is empty, standard output and error are collected, descriptor
  /// kWorkerDescriptor is its end of the socket. It dies with this process. Throws Error{unavailable}.
  static ChildProcess start(const WorkerCommand& command);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  int socket() const { return socket_; }
  pid_t pid() const { return pid_; }

  /// Waits for the end, asking for it by SIGTERM after `seconds` and killing it a second later, and says how it went:
  /// "was killed by signal 9", "exited with 3".
  std::string wait_for_end(double seconds);

  /// The last line it printed, at most 200 printable characters; empty for none.
  std::string last_message() const;

 private:
  ChildProcess() = default;

  pid_t pid_ = -1;
  int socket_ = -1;
  int output_ = -1;
};

struct ProcessWorkerOptions {
  WorkerCommand command;
  std::stop_token stop{};
  /// A call is given up after this plus kPatience times what was expected.
  double patience_seconds = 60;
};
inline constexpr double kPatience = 20;

/// Workers in processes of their own.
WorkerFactory make_process_workers(ProcessWorkerOptions options);

}  // namespace paceline
