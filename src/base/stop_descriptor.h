#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <stop_token>

#include "base/descriptor.h"

namespace paceline {

/// A descriptor that can be read once a stop is asked for: whoever waits in the system for bytes can wait for that,
/// too.
class StopDescriptor {
 public:
  /// Throws Error{resource_exhausted} where the process may open no further file.
  explicit StopDescriptor(std::stop_token stop);

  bool stop_requested() const { return stop_.stop_requested(); }
  /// Negative where nobody can ask for a stop.
  int number() const { return event_.number(); }

 private:
  std::stop_token stop_;
  Descriptor event_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

enum class Wait { kReadable, kStopped, kTimeout };

/// Waits until bytes, the end or an error can be read from the descriptor, at most so many seconds. A stop comes first.
Wait wait_readable(int descriptor, const StopDescriptor& stop,
                   double seconds = std::numeric_limits<double>::infinity());

}  // namespace paceline
