#pragma once

#include <set>
#include <string>
#include <string_view>

namespace paceline {

/// What /proc/cpuinfo says of the first processor.
struct CpuRecord {
  std::string vendor;  ///< "AuthenticAMD"
  std::string name;    ///< "AMD EPYC 9V74"
  int family = 0;
  int model = 0;
  std::set<std::string, std::less<>> flags;
};

/// Reads the text of /proc/cpuinfo; what is missing stays empty.
CpuRecord parse_cpu_record(std::string_view cpuinfo);
CpuRecord read_cpu_record();

/// fp32 multiply-add instructions of `lanes` lanes that a core of this CPU starts in a cycle: what its maker states, or
/// 2, the most of any x86 so far, for one we do not know.
double multiply_adds_per_cycle(const CpuRecord& cpu, int lanes);

}  // namespace paceline
