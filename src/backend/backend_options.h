#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace paceline {

/// The compute type of a user's own file: whatever it was exported with.
inline constexpr const char* kExportedType = "exported";

struct BackendOptions {
  std::string name = "native";
  std::string compute_type = "fp32";
  std::string device = "cpu";
  int32_t threads = 0;                ///< 0: all that the process may use
  std::filesystem::path cache_dir{};  ///< where exported files are kept; empty: default_cache_dir()
  std::filesystem::path file{};       ///< the user's own export, run instead of one that Paceline writes; empty: none
};

}  // namespace paceline
