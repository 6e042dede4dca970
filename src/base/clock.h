#pragma once

#include <chrono>
#include <string>

namespace paceline {

/// Seconds on a clock that never goes back; only differences mean something.
inline double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The time of day, ISO 8601 in UTC: "2026-03-02T09:30:00Z".
std::string utc_now();

}  // namespace paceline
