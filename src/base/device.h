#pragma once

#include <string>
#include <string_view>

namespace paceline {

/// Where an engine computes, as flags, plans and reports write it: "cpu", or "cuda:N" for the Nth CUDA device.
struct Device {
  bool cuda = false;
  int index = 0;  ///< of the CUDA device

  friend bool operator==(const Device&, const Device&) = default;
};

/// Says nothing of whether it exists: an engine does when it is created.
/// Throws Error{invalid_argument}: neither "cpu" nor "cuda:" and a number up to 127.
Device parse_device(std::string_view text);

/// The inverse of parse_device.
std::string device_name(const Device& device);

}  // namespace paceline
