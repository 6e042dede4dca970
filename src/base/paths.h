#pragma once

#include <filesystem>
#include <vector>

namespace paceline {

/// What the file system says, with an Error that names the path where it cannot say (no permission to look, a circle of
/// links, a name that is too long, a broken disk). Nothing else of std::filesystem that asks or changes the disk is
/// called without an error_code; tools/check/check_budgets.py holds the rule.

enum class PathKind { kNothing, kFile, kFolder, kOther };

/// Whether there is anything under this name, be it a link that leads nowhere: opening it says what is wrong with it.
/// Throws Error.
bool path_exists(const std::filesystem::path& path);

/// What a path names, links followed. Throws Error.
PathKind path_kind(const std::filesystem::path& path);
bool is_file(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);

/// Absolute, without "." and "..". Throws Error where the working folder is gone.
std::filesystem::path absolute_path(const std::filesystem::path& path);

/// The names in a folder, sorted; none where it is not there. Throws Error.
std::vector<std::filesystem::path> names_in(const std::filesystem::path& folder);

/// Makes a folder and those above it. Throws Error.
void make_folders(const std::filesystem::path& folder);

}  // namespace paceline
