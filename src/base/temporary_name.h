#pragma once

#include <filesystem>
#include <string>

namespace paceline {

/// A name for a file or folder that is not complete yet: short, hidden, ours alone to see. It says which machine's boot
/// and which process it is of; another process may have left the same one, so it has to be created exclusively.
std::string temporary_name();

/// Locks what this process has just created as `path`: as long as `descriptor` is open nobody takes it for abandoned.
/// False where somebody did before the lock was there; then it is gone, and the next name has to be tried.
bool hold_temporary(int descriptor, const std::filesystem::path& path);

/// Removes from `folder` what bears such a name, belongs to this user and is locked by nobody: killed processes left
/// it. What another machine has written over a network file system stays, as its locks may not be seen here. Looks once
/// for each folder in a process.
void remove_abandoned(const std::filesystem::path& folder) noexcept;

}  // namespace paceline
