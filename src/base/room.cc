#include "base/room.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <latch>
#include <thread>
#include <vector>

#include "paceline/error.h"

namespace paceline {
namespace {

[[noreturn]] void refuse(std::string_view where, const std::string& what, const std::string& hint) {
  throw Error(ErrorCode::kResourceExhausted, fmt::format("[{}] {} {}", where, what, hint));
}

bool is_limited(__rlimit_resource_t resource, rlim_t& limit) {
  struct rlimit limits = {};
  if (::getrlimit(resource, &limits) != 0 || limits.rlim_cur == RLIM_INFINITY) return false;
  limit = limits.rlim_cur;
  return true;
}

/// Descriptors that are open for as long as this lives.
class OpenFiles {
 public:
  explicit OpenFiles(int count) {
    numbers_.reserve(static_cast<std::size_t>(count));
    while (static_cast<int>(numbers_.size()) < count) {
      const int number = ::eventfd(0, EFD_CLOEXEC);
      if (number < 0) break;
      numbers_.push_back(number);
    }
  }
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;
  ~OpenFiles() {
    for (const int number : numbers_) ::close(number);
  }
  int count() const { return static_cast<int>(numbers_.size()); }

 private:
  std::vector<int> numbers_;
};

/// Addresses without memory behind them, which a limit counts all the same.
class Addresses {
 public:
  explicit Addresses(int64_t bytes) : bytes_(static_cast<std::size_t>(bytes)) {
    if (bytes_ > 0) start_ = ::mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;
  ~Addresses() {
    if (bytes_ > 0 && start_ != MAP_FAILED) ::munmap(start_, bytes_);
  }
  bool taken() const { return start_ != MAP_FAILED; }

 private:
  std::size_t bytes_;
  void* start_ = nullptr;
};

/// Threads that wait until this goes.
class WaitingThreads {
 public:
  explicit WaitingThreads(int count) {
    threads_.reserve(static_cast<std::size_t>(count));
    try {
      while (static_cast<int>(threads_.size()) < count) threads_.emplace_back([this] { end_.wait(); });
    } catch (const std::exception&) {
      // As many as there are; the system's refusal and the end of memory alike.
    }
  }
  WaitingThreads(const WaitingThreads&) = delete;
  WaitingThreads& operator=(const WaitingThreads&) = delete;
  ~WaitingThreads() {
    end_.count_down();
    for (std::thread& thread : threads_) thread.join();
  }
  int count() const { return static_cast<int>(threads_.size()); }

 private:
  std::latch end_{1};
  std::vector<std::thread> threads_;
};

}  // namespace

void check_room(std::string_view where, const Room& room) {
  const OpenFiles files(room.open_files);
  if (files.count() < room.open_files) {
    refuse(where, fmt::format("It opens up to {} files, the system allows {} more.", room.open_files, files.count()),
           "Raise the limit on open files (ulimit -n).");
  }
  rlim_t limit = 0;
  const Addresses addresses(is_limited(RLIMIT_AS, limit) ? room.address_bytes : 0);
  if (!addresses.taken()) {
    refuse(where,
           fmt::format("It takes {} MB of address space, the limit of this process ({}) leaves less.",
                       room.address_bytes >> 20, memory_limits()),
           "Raise the limit (ulimit -v).");
  }
  const WaitingThreads threads(room.threads);
  if (threads.count() < room.threads) {
    refuse(where,
           fmt::format("It starts up to {} threads, the system has room for {}{}.", room.threads, threads.count(),
                       memory_limits().empty() ? "" : " under " + memory_limits()),
           "Use fewer --threads or raise the limits (ulimit -u, ulimit -v).");
  }
}

std::string memory_limits() {
  rlim_t bytes = 0;
  std::string text;
  if (is_limited(RLIMIT_AS, bytes)) text = fmt::format("ulimit -v {}", bytes >> 10);
  if (is_limited(RLIMIT_DATA, bytes)) text += fmt::format("{}ulimit -d {}", text.empty() ? "" : ", ", bytes >> 10);
  return text;
}

}  // namespace paceline
