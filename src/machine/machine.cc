#include "machine/machine.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>

#include "base/paths.h"
#include "kernels/kernels.h"
#include "machine/cpu_record.h"

namespace paceline {
namespace {

/// CPU flags that some kernel, of ours or of an engine, is chosen by.
constexpr std::array kFlags{"avx2",        "fma",      "f16c",     "avx_vnni",    "avx512f",
                            "avx512bw",    "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16",
                            "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"};

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int64_t memory_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
}

std::string kernel_release() {
  utsname names{};
  if (uname(&names) != 0) return {};
  return fmt::format("{} {}", names.sysname, names.release);
}

std::string virtualization(const CpuRecord& cpu) {
  if (!cpu.flags.contains("hypervisor")) return {};
  const std::string vendor = first_line("/sys/class/dmi/id/sys_vendor");
  return vendor.empty() ? "a virtual machine" : vendor;
}

/// CPU seconds since the machine started, from /proc/stat: of everybody, and all there were.
struct CpuTime {
  double busy = 0;
  double all = 0;
};

CpuTime machine_cpu_time() {
  std::istringstream line(first_line("/proc/stat"));
  std::string name;
  line >> name;
  // user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user.
  std::array<double, 8> ticks{};
  for (double& tick : ticks) line >> tick;
  CpuTime time;
  for (const double tick : ticks) time.all += tick;
  time.busy = time.all - ticks[3] - ticks[4];
  const auto per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  return {time.busy / per_second, time.all / per_second};
}

double cpu_seconds(const rusage& usage) {
  constexpr double kMicro = 1e-6;
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         kMicro * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// CPU seconds of a living child, from fields 14 and 15 of its stat line, which follow the name in parentheses.
double child_cpu_seconds(const std::string& pid) {
  const std::string line = first_line(fmt::format("/proc/{}/stat", pid).c_str());
  const std::size_t after_name = line.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(line.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// CPU seconds of this process, of its children that ended, and of those that live.
double own_cpu_time() {
  rusage own{};
  rusage ended{};
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &ended);
  double total = cpu_seconds(own) + cpu_seconds(ended);
  const std::filesystem::path tasks = "/proc/self/task";
  for (const std::filesystem::path& thread : names_in(tasks)) {
    std::istringstream children(first_line((tasks / thread / "children").c_str()));
    for (std::string pid; children >> pid;) total += child_cpu_seconds(pid);
  }
  return total;
}

}  // namespace

MachineRecord read_machine() {
  const CpuRecord cpu = read_cpu_record();
  MachineRecord record;
  record.cpu = cpu.name;
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->supported()) record.isa_levels.emplace_back(kernels->name);
  }
  record.active_isa = active_kernels().name;
  for (const char* flag : kFlags) {
    if (cpu.flags.contains(flag)) record.cpu_flags.emplace_back(flag);
  }
  record.topology = read_cpu_topology();
  record.memory_bytes = memory_bytes();
  record.kernel = kernel_release();
  record.virtualization = virtualization(cpu);
  return record;
}

MachineLoad read_load() {
  static std::mutex mutex;
  static CpuTime last_machine;
  static double last_own = 0;
  static bool has_last = false;

  const std::lock_guard lock(mutex);
  MachineLoad load;
  std::istringstream(first_line("/proc/loadavg")) >> load.load_average;
  const CpuTime machine = machine_cpu_time();
  const double own = own_cpu_time();
  const double all = machine.all - last_machine.all;
  if (has_last && all > 0) {
    const double others = (machine.busy - last_machine.busy) - (own - last_own);
    load.other_share = std::clamp(others / all, 0.0, 1.0);
  }
  last_machine = machine;
  last_own = own;
  has_last = true;
  return load;
}

}  // namespace paceline
