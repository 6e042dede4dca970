#include "base/thread_pool.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/process_owner.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// A sleeping thread takes 10-50 us to wake in a virtual machine, the gap between two calls of a busy caller is a few
// microseconds: spinning as long as a wake-up takes bridges the gap and never costs more than twice the best choice.
constexpr double kSpinSeconds = 40e-6;

/// Waits until `value` differs from `old`: first by looking, then asleep. Returns what it became.
uint32_t wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  const double give_up = monotonic_seconds() + kSpinSeconds;
  do {
    const uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) return now;
  } while (monotonic_seconds() < give_up);
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

void publish(std::atomic<uint32_t>& value, uint32_t next) {
  value.store(next, std::memory_order_release);
  value.notify_all();
}

/// Unwinds a thread whose partner failed before reaching a barrier; never leaves run().
struct PartnerFailed {};

}  // namespace

struct ThreadPool::State {
  explicit State(int count) : size(count) {}

  ~State() {
    if (owner.is_forked_child()) {  // the threads stayed in the parent: nobody would ever come
      forget_threads(threads);
      return;
    }
    quit = true;
    publish(generation, generation.load(std::memory_order_relaxed) + 1);
    for (std::thread& thread : threads) thread.join();
  }

  void worker(int thread) {
    uint32_t seen = 0;
    for (;;) {
      seen = wait_for_change(generation, seen);
      if (quit) return;
      execute(thread);
      if (running.fetch_sub(1, std::memory_order_acq_rel) == 1) running.notify_one();
    }
  }

  void execute(int thread) {
    try {
      (*task)(thread);
    } catch (const PartnerFailed&) {
    } catch (...) {
      {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
      failed.store(true, std::memory_order_release);
      publish(barrier_round, barrier_round.load(std::memory_order_relaxed) + 1);
    }
  }

  const int size;
  const ProcessOwner owner;
  std::vector<std::thread> threads;
  const FunctionRef<void(int)>* task = nullptr;
  bool quit = false;
  std::mutex mutex;
  std::exception_ptr error;

  // Each on a line of its own: threads spin on one while another is written.
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<uint32_t> running{0};
  alignas(64) std::atomic<uint32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> barrier_round{0};
  std::atomic<bool> failed{false};
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>(threads)) {
  state_->threads.reserve(static_cast<std::size_t>(threads));
  for (int thread = 1; thread < threads; ++thread) {
    try {
      state_->threads.emplace_back([state = state_.get(), thread] { state->worker(thread); });
    } catch (const std::system_error& error) {
      throw Error(
          ErrorCode::kResourceExhausted,
          fmt::format("[threads] {} were asked for, the system starts no more than {} ({}). Use fewer --threads.",
                      threads, thread, error.code().message()));
    }
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::size() const { return state_->size; }

void ThreadPool::run(FunctionRef<void(int)> task) {
  State& state = *state_;
  if (state.size == 1) return task(0);
  state.owner.check("threads");
  state.task = &task;
  state.running.store(static_cast<uint32_t>(state.size - 1), std::memory_order_relaxed);
  publish(state.generation, state.generation.load(std::memory_order_relaxed) + 1);
  state.execute(0);
  while (const uint32_t left = state.running.load(std::memory_order_acquire)) wait_for_change(state.running, left);
  if (state.failed.load(std::memory_order_relaxed)) {
    state.failed.store(false, std::memory_order_relaxed);
    state.arrived.store(0, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(state.error, nullptr));
  }
}

void ThreadPool::barrier() {
  State& state = *state_;
  if (state.size == 1) return;
  const uint32_t round = state.barrier_round.load(std::memory_order_acquire);
  // Looked at after the round was read: a failure from here on changes the round and ends the wait.
  if (state.failed.load(std::memory_order_acquire)) throw PartnerFailed{};
  if (state.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(state.size)) {
    state.arrived.store(0, std::memory_order_relaxed);
    publish(state.barrier_round, round + 1);
  } else {
    wait_for_change(state.barrier_round, round);
  }
  if (state.failed.load(std::memory_order_acquire)) throw PartnerFailed{};
}

}  // namespace paceline
