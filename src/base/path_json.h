#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/json.h"

namespace paceline {

/// A path in JSON, without loss: a string; where its bytes are not UTF-8, which JSON has to be, the object
/// {"percent_encoded": "/models/caf%E9"} with the bytes in hexadecimal as in a URL.
Json path_to_json(const std::filesystem::path& path);

/// A field that must be such a path; without `fallback` it must exist. Throws Error{corrupt_data}.
std::filesystem::path json_path(const Json& object, std::string_view key, std::string_view where,
                                const std::optional<std::filesystem::path>& fallback = std::nullopt);

}  // namespace paceline
