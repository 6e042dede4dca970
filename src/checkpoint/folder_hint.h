#pragma once

#include <filesystem>
#include <string>

namespace paceline {

/// What to do about a folder without config.json or weights, by what it has instead: checkpoints of a training run,
/// weights of another library, an export, an adapter without its config. Ends a message.
std::string folder_hint(const std::filesystem::path& folder);

}  // namespace paceline
