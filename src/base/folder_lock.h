#pragma once

#include <filesystem>
#include <string_view>

#include "base/temporary_path.h"

namespace paceline {

/// Keeps a folder for one process at a time. What is locked is a hidden file in it, gone with the object and with
/// a signal that ends the process. The kernel frees the lock however the process ends: what a kill leaves is an empty
/// file, which the next process takes over. Where the file system has no locks nothing is kept out.
class FolderLock {
 public:
  static constexpr const char* kFileName = ".paceline-lock";

  /// Throws Error{invalid_argument} where somebody else has it: "[folder] " and `refusal`; as system_failure() where
  /// the folder cannot be written.
  FolderLock(const std::filesystem::path& folder, std::string_view refusal);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_ = -1;
  TemporaryPath file_;
};

}  // namespace paceline
