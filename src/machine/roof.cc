#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/clock.h"
#include "base/cpu_topology.h"
#include "base/room.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"
#include "machine/cpu_record.h"
#include "machine/machine.h"

namespace paceline {
namespace {

// Larger than any cache that a few cores share.
constexpr std::size_t kBandwidthBytes = std::size_t{256} << 20;
// The best of some tries counts: whoever else runs here can only slow us down. The tries are short, because a neighbour
// on the processor takes it for milliseconds at a time.
constexpr double kTrySeconds = 2e-3;
constexpr int kFewestTries = 5;

/// Work per second of a task that does `work(count)` units at once on all threads, the best of some tries of about
/// `seconds` in all. `task(thread, count)` does count rounds.
template <class Task>
double best_rate(ThreadPool& pool, double seconds, const Task& task) {
  std::vector<double> rates(static_cast<std::size_t>(pool.size()));
  const auto measure = [&](int64_t count) {
    pool.run([&](int thread) {
      pool.barrier();
      const double start = monotonic_seconds();
      task(thread, count);
      rates[static_cast<std::size_t>(thread)] = static_cast<double>(count) / (monotonic_seconds() - start);
    });
    double total = 0;
    for (const double rate : rates) total += rate;
    return total;
  };
  const double threads = pool.size();
  double best = measure(100) / threads;
  const auto count = static_cast<int64_t>(std::max(1.0, best * kTrySeconds));
  const int tries = std::max(kFewestTries, static_cast<int>(seconds / kTrySeconds));
  best = 0;
  for (int repeat = 0; repeat < tries; ++repeat) best = std::max(best, measure(count));
  return best;
}

/// The loop of a kind that the ISA level in use would run on this CPU, or null.
const PeakLoop* find_loop(PeakKind kind, std::string_view isa) {
  for (const PeakLoop& loop : peak_loops()) {
    if (loop.kind == kind && std::ranges::count(loop.levels, isa) != 0 && loop.supported()) return &loop;
  }
  return nullptr;
}

double giga_rate(ThreadPool& pool, const PeakLoop* loop, double seconds) {
  if (loop == nullptr) return 0;
  return 1e-9 * loop->operations * best_rate(pool, seconds, [&](int, int64_t count) { loop->run(count); });
}

/// Cycles per second, from additions that wait for one another: one a cycle on every CPU we know. The addend is a
/// register, since some CPUs fold constants while renaming; the additions stand in a row, since some take two cycles
/// for a branch.
double clock_ghz(ThreadPool& pool, double seconds) {
  constexpr int kAdds = 1024;
  const auto add = [](int, int64_t count) {
    uint64_t sum = 0;
    const uint64_t step = 1;
    for (int64_t i = 0; i < count; ++i) {
      asm volatile(".rept %c2\n\tadd %1, %0\n\t.endr" : "+r"(sum) : "r"(step), "i"(kAdds));
    }
  };
  return 1e-9 * kAdds * best_rate(pool, seconds, add) / pool.size();
}

/// Sums words so that the reads cannot be left out; eight sums keep them independent.
uint64_t read_words(std::span<const uint64_t> words) {
  constexpr std::size_t kSums = 8;
  uint64_t sums[kSums] = {};
  for (std::size_t i = 0; i + kSums <= words.size(); i += kSums) {
    for (std::size_t j = 0; j < kSums; ++j) sums[j] += words[i + j];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

double read_bandwidth_gbps(ThreadPool& pool) {
  // A buffer that does not fit would ask for a smaller batch, and there is none.
  constexpr std::size_t kAround = std::size_t{4} << 20;  // to start on a huge page
  check_room("measuring the roof", {.address_bytes = kBandwidthBytes + kAround});
  AlignedBuffer buffer(kBandwidthBytes);
  std::ranges::fill(buffer.as<uint64_t>(), 1);  // pages never written would all be the one page of zeros
  const std::span<const uint64_t> words = buffer.as<uint64_t>();
  const auto threads = static_cast<std::size_t>(pool.size());
  const std::size_t part = words.size() / threads;
  double best = 0;
  for (int repeat = 0; repeat < kFewestTries; ++repeat) {
    const double start = monotonic_seconds();
    pool.run([&](int thread) {
      uint64_t sum = read_words(words.subspan(static_cast<std::size_t>(thread) * part, part));
      asm volatile("" : "+r"(sum));
    });
    const auto bytes = static_cast<double>(part * threads * sizeof(uint64_t));
    best = std::max(best, 1e-9 * bytes / (monotonic_seconds() - start));
  }
  return best;
}

}  // namespace

Roof measure_roof(int threads, double seconds_per_measurement) {
  ThreadPool pool(resolve_threads(threads));
  const Kernels& kernels = active_kernels();
  const PeakLoop* fp32 = find_loop(PeakKind::kFp32, kernels.name);
  Roof roof;
  roof.fp32_gflops = giga_rate(pool, fp32, seconds_per_measurement);
  roof.bf16_gflops = giga_rate(pool, find_loop(PeakKind::kBf16, kernels.name), seconds_per_measurement);
  roof.int8_gops = giga_rate(pool, find_loop(PeakKind::kInt8, kernels.name), seconds_per_measurement);
  roof.clock_ghz = clock_ghz(pool, seconds_per_measurement);
  roof.memory_bandwidth_gbps = read_bandwidth_gbps(pool);
  const int lanes = fp32 == nullptr ? 1 : fp32->lanes;
  roof.theoretical_fp32_gflops =
      roof.clock_ghz * lanes * 2 * multiply_adds_per_cycle(read_cpu_record(), lanes) * pool.size();
  return roof;
}

bool roof_is_plausible(const Roof& roof) {
  // The clock is measured a moment before or after the peak and may have moved by a few per cent.
  constexpr double kClockTolerance = 1.08;
  return roof.fp32_gflops > 0 && roof.clock_ghz > 0 && roof.memory_bandwidth_gbps > 0 &&
         std::isfinite(roof.theoretical_fp32_gflops) &&
         roof.fp32_gflops <= kClockTolerance * roof.theoretical_fp32_gflops;
}

}  // namespace paceline
