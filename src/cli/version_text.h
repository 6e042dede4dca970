#pragma once

#include <string>

namespace paceline {

/// Version, build, compiler, plug-ins; a line each.
std::string version_text();

}  // namespace paceline
