#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace paceline {

/// What this process may use of the machine's processors.
struct CpuTopology {
  int logical_cpus = 1;       ///< in the machine
  int physical_cores = 1;     ///< in the machine
  std::vector<int> affinity;  ///< ids of the logical CPUs this process may run on
  double cgroup_quota = 0;    ///< CPUs' worth of time the cgroup allows (v2 cpu.max, v1 cfs_quota); 0: no limit
  int64_t l2_bytes = 0;       ///< per core
  int64_t l3_bytes = 0;       ///< of the cache the first usable CPU shares
  int usable = 1;             ///< threads worth starting: min(affinity, ceil(quota)), at least 1
};

CpuTopology read_cpu_topology();

/// The same, read from the /proc and /sys below `root`, for a process that may run on `affinity` (empty: unknown).
CpuTopology read_cpu_topology(const std::filesystem::path& root, std::vector<int> affinity);

/// `requested` threads, or the topology's usable count for 0. Throws Error{invalid_argument} above 1,024 or below 0.
int resolve_threads(int requested);

}  // namespace paceline
