#include "base/cpu_topology.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

/// A small file of /sys or /proc without its last line end; empty where it cannot be read. These files describe the
/// machine only as far as it cares to: each may be missing.
std::string read_line_file(const fs::path& path) {
  constexpr std::size_t kLimit = std::size_t{1} << 20;
  try {
    std::string text = read_file(path, kLimit);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
      text.pop_back();
    }
    return text;
  } catch (const Error&) {
    return {};
  }
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

/// CPU ids of a list such as "0-3,8".
std::vector<int> parse_cpu_list(const std::string& text) {
  constexpr int64_t kMostCpus = 1 << 16;
  std::vector<int> ids;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t dash = part.find('-');
    const auto first = parse_integer(part);
    const auto last = dash == std::string::npos ? first : parse_integer(std::string_view(part).substr(dash + 1));
    for (int64_t id = first.value_or(0); first && last && id <= std::min(*last, kMostCpus); ++id) {
      ids.push_back(static_cast<int>(id));
    }
  }
  return ids;
}

/// CPUs' worth of time that a v2 group's cpu.max ("200000 100000", "max 100000") allows; 0: no limit.
double parse_cpu_max(const std::string& text) {
  const std::size_t space = text.find(' ');
  const auto quota = parse_integer(text);
  const auto period =
      space == std::string::npos ? std::nullopt : parse_integer(std::string_view(text).substr(space + 1));
  return quota && period && *quota > 0 && *period > 0 ? static_cast<double>(*quota) / static_cast<double>(*period) : 0;
}

double read_group_quota(const fs::path& group) {
  const double v2 = parse_cpu_max(read_line_file(group / "cpu.max"));
  if (v2 > 0) {
    return v2;
  }
  return parse_cpu_max(read_line_file(group / "cpu.cfs_quota_us") + " " + read_line_file(group / "cpu.cfs_period_us"));
}

/// The tightest quota of a group and those around it. Where the group's path is not below the mount (a container that
/// sees the host's paths), the ancestors that exist, at least the mount itself, count.
double tightest_quota(const fs::path& mount, const std::string& group) {
  double tightest = 0;
  fs::path relative = fs::path(group).relative_path().lexically_normal();
  while (true) {
    const double quota = read_group_quota(mount / relative);
    if (quota > 0 && (tightest == 0 || quota < tightest)) {
      tightest = quota;
    }
    if (relative.empty()) {
      return tightest;
    }
    relative = relative.parent_path();
  }
}

/// /proc/self/cgroup has a line "id:controllers:path" per hierarchy; v2's has no controllers.
double read_cgroup_quota(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  double tightest = 0;
  std::istringstream lines(read_line_file(root / "proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    std::vector<fs::path> candidates;
    if (controllers.empty()) {
      candidates = {mounts, mounts / "unified"};
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      candidates = {mounts / controllers, mounts / "cpu"};
    }
    for (const fs::path& mount : candidates) {
      const double quota = tightest_quota(mount, group);
      if (quota > 0 && (tightest == 0 || quota < tightest)) {
        tightest = quota;
      }
    }
  }
  return tightest;
}

/// Bytes of "1024K" or "32M".
int64_t parse_cache_size(const std::string& text) {
  const int64_t count = std::clamp<int64_t>(parse_integer(text).value_or(0), 0, int64_t{1} << 30);
  const char unit = text.empty() ? ' ' : text.back();
  return unit == 'M' ? count << 20 : unit == 'K' ? count << 10 : count;
}

void read_caches(const fs::path& cpu, CpuTopology* topology) {
  constexpr int kMostCaches = 16;
  for (int index = 0; index < kMostCaches; ++index) {
    const fs::path cache = cpu / "cache" / fmt::format("index{}", index);
    const std::string level = read_line_file(cache / "level");
    if (level == "2") {
      topology->l2_bytes = parse_cache_size(read_line_file(cache / "size"));
    } else if (level == "3") {
      topology->l3_bytes = parse_cache_size(read_line_file(cache / "size"));
    }
  }
}

/// Ids of the logical CPUs that the scheduler may give to this process.
std::vector<int> read_affinity() {
  constexpr int kMostCpus = 1 << 16;
  for (int cpus = 1024; cpus <= kMostCpus; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    const bool known = set != nullptr && sched_getaffinity(0, bytes, set) == 0;
    std::vector<int> ids;
    for (int cpu = 0; known && cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) {
        ids.push_back(cpu);
      }
    }
    CPU_FREE(set);
    if (known) {
      return ids;
    }
  }
  return {};
}

}  // namespace

CpuTopology read_cpu_topology(const std::filesystem::path& root, std::vector<int> affinity) {
  CpuTopology topology;
  topology.affinity = std::move(affinity);
  const fs::path cpus = root / "sys/devices/system/cpu";
  const std::vector<int> online = parse_cpu_list(read_line_file(cpus / "online"));
  topology.logical_cpus = static_cast<int>(std::max({online.size(), topology.affinity.size(), std::size_t{1}}));
  std::set<std::string> cores;
  for (const int id : online) {
    const fs::path place = cpus / fmt::format("cpu{}", id) / "topology";
    const std::string core = read_line_file(place / "core_id");
    cores.insert(core.empty() ? fmt::format("cpu {}", id) : read_line_file(place / "physical_package_id") + " " + core);
  }
  topology.physical_cores = cores.empty() ? topology.logical_cpus : static_cast<int>(cores.size());
  const int first = topology.affinity.empty() ? 0 : topology.affinity.front();
  read_caches(cpus / fmt::format("cpu{}", first), &topology);
  topology.cgroup_quota = read_cgroup_quota(root);

  topology.usable = topology.affinity.empty() ? topology.logical_cpus : static_cast<int>(topology.affinity.size());
  if (topology.cgroup_quota > 0) {
    const double whole = std::ceil(std::min(topology.cgroup_quota, static_cast<double>(topology.usable)));
    topology.usable = std::max(1, static_cast<int>(whole));
  }
  return topology;
}

CpuTopology read_cpu_topology() { return read_cpu_topology("/", read_affinity()); }

int resolve_threads(int requested) {
  constexpr int kMostThreads = 1024;
  if (requested < 0 || requested > kMostThreads) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[threads] {} was given, 1 to {} were expected, or 0 for all that this process may use.",
                            requested, kMostThreads));
  }
  return requested == 0 ? read_cpu_topology().usable : requested;
}

}  // namespace paceline
