#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/temporary_path.h"

namespace paceline {

/// A hidden folder inside another, where files are made that then get their places by renaming, which never crosses
/// file systems. Only this user reads it. Gone with the object, with a signal that ends the process, and, after
/// a kill, with the next one made in the same folder.
class StagingFolder {
 public:
  /// Throws Error{invalid_argument, not_found, resource_exhausted} where `parent` cannot be written.
  explicit StagingFolder(const std::filesystem::path& parent);
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;
  ~StagingFolder();

  const std::filesystem::path& path() const { return path_; }
  /// The place of a file, `name` relative to the folder, made ready: the folder above it is there, and a signal finds
  /// the file.
  std::filesystem::path place(const std::string& name);

 private:
  std::filesystem::path path_;
  std::vector<TemporaryPath> temporary_;
  int descriptor_ = -1;  ///< its lock says that the folder is in use
};

}  // namespace paceline
