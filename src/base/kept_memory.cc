#include "base/kept_memory.h"

#include <malloc.h>

#include <cstdlib>
#include <initializer_list>
#include <limits>

namespace paceline {

bool keep_freed_memory() {
#if defined(M_MMAP_MAX)  // glibc has the settings
  for (const char* setting : {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"}) {
    if (std::getenv(setting) != nullptr) return false;
  }
  return ::mallopt(M_MMAP_MAX, 0) == 1 && ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max()) == 1;
#else
  return false;
#endif
}

}  // namespace paceline
