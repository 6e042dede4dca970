#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace paceline {

/// How a run is watched and stopped.
struct RunWatch {
  std::stop_token stop{};  ///< once it is asked for, no further batch is begun
  /// Gets how many sequences are done, after batches, in the calling thread. May throw: the run then ends with that.
  std::function<void(std::size_t)> done{};
};

}  // namespace paceline
