#include "bench/process_worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/room.h"
#include "base/system_failure.h"
#include "bench/frame_channel.h"
#include "bench/worker_protocol.h"
#include "bench/worker_server.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Loading may export the model first, and a cold disk gives some 100 MB/s.
constexpr double kLoadSeconds = 60;
/// To remove temporary files after SIGTERM.
constexpr double kTerminationSeconds = 1;
/// Ids per message: a few megabytes of JSON.
constexpr std::size_t kIdsPerMessage = 200000;

/// `error` is what the system said about a descriptor or the new process.
[[noreturn]] void fail_to_start(const std::filesystem::path& executable, int error) {
  // Beyond the limit on open files the system calls a descriptor's number invalid.
  const int known = error == EINVAL ? EMFILE : error;
  throw system_failure("bench", fmt::format("starting a worker process from {}", executable.string()), known);
}

/// A copy of the descriptor well above those that the child is given, closed on exec; -1 with errno.
int move_up(int descriptor) {
  if (descriptor < 0) return -1;
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return moved;
}

/// "NAME=value" of this process, and OMP_WAIT_POLICY=PASSIVE unless the user chose: spinning OpenMP threads of one
/// worker would take the cores from the next.
std::vector<std::string> worker_environment() {
  std::vector<std::string> variables;
  for (char** variable = ::environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) variables.emplace_back("OMP_WAIT_POLICY=PASSIVE");
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What the child needs between fork and exec, where only system calls are allowed.
struct ChildSetup {
  const char* executable;
  char* const* arguments;
  char* const* environment;
  int socket;
  int output;
  pid_t parent;
};

[[noreturn]] void become_worker(const ChildSetup& setup) {
  // Not SIGKILL: a worker removes its temporary files first. Whoever started bench may have had it ignored.
  ::signal(SIGTERM, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != setup.parent) ::_exit(126);  // it died before the line above
  // Ctrl-C reaches the whole terminal's group; bench decides what becomes of the worker.
  ::signal(SIGINT, SIG_IGN);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(setup.output, STDOUT_FILENO);
  ::dup2(setup.output, STDERR_FILENO);
  ::dup2(setup.socket, kWorkerDescriptor);
  if (nothing > kWorkerDescriptor) ::close(nothing);
  ::execve(setup.executable, setup.arguments, setup.environment);
  ::_exit(127);
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == 127) return "could not be started";
  return fmt::format("exited with {}", WEXITSTATUS(status));
}

/// Whether the child has ended within so many seconds; then its status.
bool wait_until_ended(pid_t child, double seconds, int& status) {
  const double deadline = monotonic_seconds() + seconds;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (monotonic_seconds() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class ProcessWorker final : public Worker {
 public:
  ProcessWorker(std::string name, const ProcessWorkerOptions& options)
      : name_(std::move(name)), options_(options), child_(ChildProcess::start(options.command)) {}

  LoadedBackend load(const WorkerRequest& request) override {
    const LoadedBackend loaded = decode_loaded(ask(encode_request(request), kLoadSeconds));
    outputs_ = static_cast<std::size_t>(loaded.info.outputs);
    return loaded;
  }

  void send_texts(std::span<const Encoding> encodings) override {
    std::size_t first = 0;
    while (first < encodings.size()) {
      std::size_t count = 0;
      for (std::size_t ids = 0; first + count < encodings.size() && ids < kIdsPerMessage; ++count) {
        ids += encodings[first + count].input_ids.size();
      }
      ask(encode_encodings(encodings.subspan(first, count)), 1);
      first += count;
    }
  }

  BatchTimes time_batches(std::span<const BatchIndices> batches, double expected_seconds) override {
    const Json reply = ask({{"op", "time"}, {"batches", encode_batches(batches)}}, expected_seconds);
    return {.seconds = decode_numbers(reply, "seconds", batches.size()),
            .total_seconds = json_number(reply, "total_seconds", "worker", 0, 1e9)};
  }

  std::vector<float> logits(std::span<const BatchIndices> batches, double expected_seconds) override {
    std::size_t texts = 0;
    for (const BatchIndices& batch : batches) texts += batch.size();
    const Json reply = ask({{"op", "logits"}, {"batches", encode_batches(batches)}}, expected_seconds);
    const std::vector<double> numbers = decode_numbers(reply, "logits", texts * outputs_);
    return {numbers.begin(), numbers.end()};
  }

  int64_t peak_memory_bytes() override {
    return json_integer(ask({{"op", "memory"}}, 1), "peak_memory_bytes", "worker", 0, int64_t{1} << 60);
  }

  double end_to_end(const EndToEndRequest& request, std::span<const Text> texts) override {
    const Json reply = ask(encode_end_to_end(request, texts), kLoadSeconds + request.expected_seconds);
    return json_number(reply, "ms_per_text", "worker", 0, 1e12);
  }

 private:
  Json ask(const Json& message, double expected_seconds) {
    try {
      write_frame(child_.socket(), message.dump(-1, ' ', true, Json::error_handler_t::replace));
    } catch (const Error&) {
      fail_dead();
    }
    const double patience = options_.patience_seconds + kPatience * expected_seconds;
    std::string payload;
    switch (read_frame(child_.socket(), payload, {.seconds = patience, .stop = options_.stop})) {
      case ReadStatus::kFrame:
        break;
      case ReadStatus::kStopped:
        throw Interrupted{};
      case ReadStatus::kTimeout:
        throw Error(ErrorCode::kDeadlineExceeded,
                    fmt::format("[worker {}] did not answer for {} (expected: {}). Paceline ended it.", name_,
                                format_duration(patience), format_duration(expected_seconds)));
      case ReadStatus::kClosed:
        fail_dead();
    }
    Json reply = parse_json(payload, fmt::format("worker {}", name_));
    throw_if_error(reply);
    return reply;
  }

  [[noreturn]] void fail_dead() {
    const std::string end = child_.wait_for_end(5);
    const std::string message = child_.last_message();
    // An engine aborts where it cannot start a thread or has no memory; its last message tells, or a limit that is set.
    const std::string limits = memory_limits();
    const bool no_room = tells_of_exhaustion(message) || !limits.empty();
    throw Error(no_room ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
                fmt::format("[worker {}] the process {}.{}{}", name_, end,
                            message.empty() ? "" : fmt::format(" Its last message: {}.", message),
                            limits.empty() ? "" : fmt::format(" Memory is limited ({}): raise it.", limits)));
  }

  std::string name_;
  ProcessWorkerOptions options_;
  ChildProcess child_;
  std::size_t outputs_ = 0;
};

}  // namespace

ChildProcess ChildProcess::start(const WorkerCommand& command) {
  ChildProcess child;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_to_start(command.executable, errno);
  child.socket_ = move_up(ends[0]);
  const Descriptor theirs(move_up(ends[1]));
  if (child.socket_ < 0 || theirs.number() < 0) fail_to_start(command.executable, errno);
  child.output_ = move_up(::memfd_create("paceline-worker", MFD_CLOEXEC));
  if (child.output_ < 0) fail_to_start(command.executable, errno);
  // A worker that no longer reads must not hang us for ever either.
  const timeval limit{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(child.socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);

  std::error_code error;
  const std::string executable = std::filesystem::weakly_canonical(command.executable, error).string();
  if (error) fail_to_start(command.executable, error.value());
  std::vector<std::string> arguments = command.arguments;
  arguments.insert(arguments.begin(), executable);
  std::vector<std::string> environment = worker_environment();
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  const ChildSetup setup{.executable = executable.c_str(),
                         .arguments = argument_pointers.data(),
                         .environment = environment_pointers.data(),
                         .socket = theirs.number(),
                         .output = child.output_,
                         .parent = ::getpid()};
  child.pid_ = ::fork();
  if (child.pid_ == 0) become_worker(setup);
  if (child.pid_ < 0) fail_to_start(executable, errno);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::exchange(other.socket_, -1)),
      output_(std::exchange(other.output_, -1)) {}

ChildProcess::~ChildProcess() {
  // Closing the socket is the order to leave; what does not is killed.
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  if (pid_ > 0) wait_for_end(0.2);
  if (output_ >= 0) ::close(output_);
}

std::string ChildProcess::wait_for_end(double seconds) {
  if (pid_ <= 0) return "has ended";
  int status = 0;
  if (!wait_until_ended(pid_, seconds, status)) {
    ::kill(pid_, SIGTERM);
    if (!wait_until_ended(pid_, kTerminationSeconds, status)) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
    }
  }
  pid_ = -1;
  return describe_end(status);
}

std::string ChildProcess::last_message() const {
  constexpr off_t kTail = 4096;
  constexpr std::size_t kLongest = 200;
  const off_t size = ::lseek(output_, 0, SEEK_END);
  std::string tail(static_cast<std::size_t>(std::clamp<off_t>(size, 0, kTail)), '\0');
  const ssize_t got = ::pread(output_, tail.data(), tail.size(), size - static_cast<off_t>(tail.size()));
  tail.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.pop_back();
  tail.erase(0, tail.rfind('\n') + 1);
  for (char& c : tail) {
    if (c < ' ' || c > '~') c = '?';
  }
  return tail.substr(0, kLongest);
}

WorkerFactory make_process_workers(ProcessWorkerOptions options) {
  return [options = std::move(options)](const std::string& name) -> std::unique_ptr<Worker> {
    return std::make_unique<ProcessWorker>(name, options);
  };
}

}  // namespace paceline
