#include "paceline/version.h"

namespace paceline {

// PACELINE_VERSION and PACELINE_BUILD_FLAVOUR come from CMake: the project's version, and build type and sanitizers.
std::string_view version() { return PACELINE_VERSION; }

std::string_view build_id() {
#ifdef __clang__
  return PACELINE_VERSION " clang " __clang_version__ " " PACELINE_BUILD_FLAVOUR;
#else
  return PACELINE_VERSION " gcc " __VERSION__ " " PACELINE_BUILD_FLAVOUR;
#endif
}

}  // namespace paceline
