#include "cli/version_text.h"

#include <fmt/format.h>

#include "backend/registry.h"
#include "paceline/version.h"

namespace paceline {

std::string version_text() {
  std::string out = fmt::format("paceline {}\nbuild {}\n", version(), build_id());
  for (const BackendEntry& entry : known_backends()) {
    const BackendStatus status = backend_status(entry);
    out += fmt::format("{} {}\n", entry.name, status.available ? status.version : "not installed");
  }
  return out;
}

}  // namespace paceline
