#pragma once

#include <cstdint>
#include <string_view>

namespace paceline {

/// A field of /proc/self/status that is given in kB, such as VmRSS, VmHWM or RssAnon, in bytes; 0 where there is none.
int64_t status_bytes(std::string_view field);

}  // namespace paceline
