#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace paceline {

using Json = nlohmann::json;

/// Bounds on a JSON document from outside.
struct JsonLimits {
  std::size_t max_bytes = std::size_t{64} << 20;
  int max_depth = 64;
};

/// Parses a whole document. `where` opens the error message.
/// Throws Error{corrupt_data}: not JSON, not UTF-8, deeper or larger than the limits, a key twice in one object.
Json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits = {});

/// Reads and parses a file. Throws Error{not_found, corrupt_data}.
Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits = {});

/// A field of a JSON object that must be an integer in [low, high].
/// Without `fallback` the field must exist. Throws Error{corrupt_data} naming the field, its value and the range.
int64_t json_integer(const Json& object, std::string_view key, std::string_view where, int64_t low, int64_t high,
                     std::optional<int64_t> fallback = std::nullopt);

/// A field that must be a finite number in [low, high]; the same rules.
double json_number(const Json& object, std::string_view key, std::string_view where, double low, double high,
                   std::optional<double> fallback = std::nullopt);

/// A field that must be a string; the same rules.
std::string json_string(const Json& object, std::string_view key, std::string_view where,
                        std::optional<std::string> fallback = std::nullopt);

/// A field that must be true or false; the same rules.
bool json_bool(const Json& object, std::string_view key, std::string_view where,
               std::optional<bool> fallback = std::nullopt);

}  // namespace paceline
