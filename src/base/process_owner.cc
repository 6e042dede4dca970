#include "base/process_owner.h"

#include <fmt/format.h>
#include <pthread.h>

#include <atomic>
#include <memory>

#include "paceline/error.h"

namespace paceline {
namespace {

std::atomic<unsigned> forks{0};

extern "C" void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }

/// Counts where a call per question (getpid) would cost each batch a system call.
unsigned forks_so_far() {
  static const int registered = ::pthread_atfork(nullptr, nullptr, count_fork);
  static_cast<void>(registered);
  return forks.load(std::memory_order_relaxed);
}

}  // namespace

ProcessOwner::ProcessOwner() : forks_(forks_so_far()) {}

bool ProcessOwner::is_forked_child() const { return forks.load(std::memory_order_relaxed) != forks_; }

void ProcessOwner::check(std::string_view where) const {
  if (!is_forked_child()) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] it was made before this process was forked, and its threads are in the parent alone. "
                          "Make a new one in the child.",
                          where));
}

void forget_threads(std::span<std::thread> threads) {
  // A new object in the place of the old one, whose destructor would end the process: it counts as running.
  for (std::thread& thread : threads) std::construct_at(&thread);
}

}  // namespace paceline
