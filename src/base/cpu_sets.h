#pragma once

#include <filesystem>
#include <span>
#include <vector>

namespace paceline {

/// Where a logical CPU sits in the machine.
struct CpuPlace {
  int cpu = 0;      ///< the system's number of it
  int node = 0;     ///< NUMA node; 0 where the system does not say
  int package = 0;  ///< socket
  int core = 0;     ///< within its package; hyper-thread siblings share it
};

/// The places of these CPUs, read from the /sys below `root`. What the system does not say: node and package 0, a core
/// of its own for each CPU.
std::vector<CpuPlace> read_cpu_places(const std::filesystem::path& root, std::span<const int> cpus);

/// The places of the CPUs that this process may run on.
std::vector<CpuPlace> read_cpu_places();

/// Cuts CPUs into `count` >= 1 sets for as many instances of a model. With as many sets as NUMA nodes or more, none
/// crosses a node, and each node has its share of them; hyper-thread siblings stay together while there are cores
/// enough; with more sets than CPUs, sets share. None is empty unless `places` is.
std::vector<std::vector<int>> cut_cpus(std::vector<CpuPlace> places, int count);

/// Lets the calling thread, and the threads that it will start, run on these CPUs only. An empty set, or one that the
/// system refuses, changes nothing: where threads run costs time, never the answer. Whether it was done.
bool pin_this_thread(std::span<const int> cpus);

}  // namespace paceline
