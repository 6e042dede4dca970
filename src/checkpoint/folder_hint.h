#pragma once

#include <filesystem>
#include <string>

namespace paceline {

/// Whether the folder has an entry of that name, be it a link that leads nowhere: opening it says what it is.
bool is_entry(const std::filesystem::path& path);

/// What to do about a folder without config.json or weights, by what it has instead: checkpoints of a training run,
/// weights of another library, an export, an adapter without its config. Ends a message.
std::string folder_hint(const std::filesystem::path& folder);

}  // namespace paceline
