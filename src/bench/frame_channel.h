#pragma once

#include <cstddef>
#include <limits>
#include <stop_token>
#include <string>
#include <string_view>

namespace paceline {

/// Messages between bench and a worker: four bytes of length, least significant first, then that many bytes of JSON.
/// Bounded on both sides, so that a mad peer costs an error and not the memory.
inline constexpr std::size_t kLargestFrame = std::size_t{64} << 20;

/// How long a message is waited for.
struct FrameWait {
  double seconds = std::numeric_limits<double>::infinity();
  std::stop_token stop{};
};

enum class ReadStatus { kFrame, kClosed, kTimeout, kStopped };

/// Sends one message. Throws Error{unavailable} when the other end is gone, {internal} above kLargestFrame.
void write_frame(int descriptor, std::string_view payload);

/// Waits for one message. A stop ends the wait.
/// A message that breaks off counts as closed. Throws Error{corrupt_data} for a length beyond kLargestFrame.
ReadStatus read_frame(int descriptor, std::string& payload, const FrameWait& wait = {});

}  // namespace paceline
