#pragma once

#include <filesystem>
#include <string_view>

namespace paceline {

/// Throws what the system said about `path`, with what to do about it. `number` is errno.
[[noreturn]] void throw_system(const std::filesystem::path& path, std::string_view action, int number);

}  // namespace paceline
