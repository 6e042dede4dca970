#include "base/cpu_sets.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <tuple>

#include "base/cpu_topology.h"

namespace paceline {
namespace {

int read_number(const std::filesystem::path& file, int fallback) {
  int number = 0;
  std::ifstream stream(file);
  return stream >> number && number >= 0 ? number : fallback;
}

/// A CPU's folder holds a link node3 to its node.
int read_node(const std::filesystem::path& cpu) {
  constexpr int kMostNodes = 1024;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(cpu, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with("node") || name.size() == 4 || name.size() > 8) continue;
    if (name.find_first_not_of("0123456789", 4) != name.npos) continue;
    return std::min(std::stoi(name.substr(4)), kMostNodes);
  }
  return 0;
}

/// Groups of places that must not be parted where it can be helped.
using Groups = std::vector<std::vector<CpuPlace>>;

/// Runs of sorted places that `key` calls the same.
template <class Key>
Groups group_by(const std::vector<CpuPlace>& places, Key&& key) {
  Groups groups;
  for (const CpuPlace& place : places) {
    if (groups.empty() || key(groups.back().front()) != key(place)) groups.emplace_back();
    groups.back().push_back(place);
  }
  return groups;
}

/// Item `part` of `count` items shared out over `parts` evenly: [first, last), at least one item.
std::pair<std::size_t, std::size_t> share(std::size_t count, std::size_t part, std::size_t parts) {
  const std::size_t first = part * count / parts;
  return {first, std::max((part + 1) * count / parts, first + 1)};
}

/// `count` sets of whole groups, or of single places where there are fewer groups than sets.
void cut_groups(const Groups& groups, std::size_t count, std::vector<std::vector<int>>& sets) {
  std::vector<CpuPlace> places;
  for (const auto& group : groups) places.insert(places.end(), group.begin(), group.end());
  for (std::size_t part = 0; part < count; ++part) {
    std::vector<int>& set = sets.emplace_back();
    if (groups.size() < count) {
      const auto [first, last] = share(places.size(), part, count);
      for (std::size_t i = first; i < last; ++i) set.push_back(places[i].cpu);
      continue;
    }
    const auto [first, last] = share(groups.size(), part, count);
    for (std::size_t i = first; i < last; ++i) {
      for (const CpuPlace& place : groups[i]) set.push_back(place.cpu);
    }
  }
}

/// How many of `count` sets each node gets: one, and the others one by one to the node with most CPUs for each set.
std::vector<std::size_t> sets_of_nodes(const Groups& nodes, std::size_t count) {
  std::vector<std::size_t> sets(nodes.size(), 1);
  for (std::size_t given = nodes.size(); given < count; ++given) {
    std::size_t fullest = 0;
    for (std::size_t node = 1; node < nodes.size(); ++node) {
      if (nodes[node].size() * (sets[fullest] + 1) > nodes[fullest].size() * (sets[node] + 1)) fullest = node;
    }
    ++sets[fullest];
  }
  return sets;
}

}  // namespace

std::vector<CpuPlace> read_cpu_places(const std::filesystem::path& root, std::span<const int> cpus) {
  std::vector<CpuPlace> places;
  for (const int cpu : cpus) {
    const std::filesystem::path folder = root / "sys/devices/system/cpu" / fmt::format("cpu{}", cpu);
    places.push_back({.cpu = cpu,
                      .node = read_node(folder),
                      .package = read_number(folder / "topology/physical_package_id", 0),
                      .core = read_number(folder / "topology/core_id", cpu)});
  }
  return places;
}

std::vector<CpuPlace> read_cpu_places() { return read_cpu_places("/", read_cpu_topology().affinity); }

std::vector<std::vector<int>> cut_cpus(std::vector<CpuPlace> places, int count) {
  const auto wanted = static_cast<std::size_t>(count);
  if (places.empty()) return std::vector<std::vector<int>>(wanted);
  std::sort(places.begin(), places.end(), [](const CpuPlace& left, const CpuPlace& right) {
    return std::tie(left.node, left.package, left.core, left.cpu) <
           std::tie(right.node, right.package, right.core, right.cpu);
  });
  const auto core_of = [](const CpuPlace& place) { return std::tuple(place.node, place.package, place.core); };
  const Groups nodes = group_by(places, [](const CpuPlace& place) { return place.node; });
  std::vector<std::vector<int>> sets;
  if (wanted < nodes.size()) {
    cut_groups(nodes, wanted, sets);
    return sets;
  }
  const std::vector<std::size_t> shares = sets_of_nodes(nodes, wanted);
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    cut_groups(group_by(nodes[node], core_of), shares[node], sets);
  }
  return sets;
}

bool pin_this_thread(std::span<const int> cpus) {
  if (cpus.empty()) return false;
  const auto most = static_cast<std::size_t>(*std::max_element(cpus.begin(), cpus.end())) + 1;
  cpu_set_t* set = CPU_ALLOC(most);
  if (set == nullptr) return false;
  const std::size_t bytes = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(bytes, set);
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), bytes, set);
  const bool done = ::sched_setaffinity(0, bytes, set) == 0;
  CPU_FREE(set);
  return done;
}

}  // namespace paceline
