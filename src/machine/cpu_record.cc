#include "machine/cpu_record.h"

#include <charconv>
#include <fstream>
#include <sstream>

#include "words/trimmed.h"

namespace paceline {
namespace {

constexpr int kZmmLanes = 16;

int to_int(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set_field(CpuRecord& cpu, std::string_view key, std::string_view value) {
  if (key == "vendor_id") cpu.vendor = value;
  if (key == "model name") cpu.name = value;
  if (key == "cpu family") cpu.family = to_int(value);
  if (key == "model") cpu.model = to_int(value);
  if (key == "flags") {
    std::istringstream words{std::string(value)};
    for (std::string word; words >> word;) cpu.flags.insert(word);
  }
}

/// Families whose rate for 512-bit multiply-adds is not 2.
struct Rate {
  std::string_view vendor;
  int family;
  double zmm;
};
constexpr Rate kRates[] = {
    {"AuthenticAMD", 25, 1},  // Zen 4: each 512-bit instruction takes both 256-bit pipes
    {"AuthenticAMD", 23, 0},  // Zen to Zen 2: none
};

}  // namespace

CpuRecord parse_cpu_record(std::string_view cpuinfo) {
  CpuRecord cpu;
  while (!cpuinfo.empty()) {
    const std::size_t end = cpuinfo.find('\n');
    const std::string_view line = cpuinfo.substr(0, end);
    if (trimmed(line).empty()) break;  // the next processor follows
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      set_field(cpu, trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    cpuinfo.remove_prefix(end == std::string_view::npos ? cpuinfo.size() : end + 1);
  }
  return cpu;
}

CpuRecord read_cpu_record() {
  std::ifstream file("/proc/cpuinfo");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_cpu_record(text.str());
}

double multiply_adds_per_cycle(const CpuRecord& cpu, int lanes) {
  if (lanes == kZmmLanes) {
    for (const Rate& rate : kRates) {
      if (rate.vendor == cpu.vendor && rate.family == cpu.family) return rate.zmm;
    }
  }
  return 2;
}

}  // namespace paceline
