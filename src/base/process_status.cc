#include "base/process_status.h"

#include <fstream>
#include <string>

namespace paceline {

int64_t status_bytes(std::string_view field) {
  constexpr int64_t kKilobyte = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field) && line[field.size()] == ':') {
      return kKilobyte * std::stoll(line.substr(field.size() + 1));
    }
  }
  return 0;
}

}  // namespace paceline
