#pragma once

#include <signal.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/staging_folder.h"

namespace paceline {

/// "[report] cannot write ...". Throws Error{resource_exhausted} for a full disk, else {invalid_argument}.
[[noreturn]] void fail_to_write(const std::filesystem::path& path, const std::error_code& error);

/// Puts files that were made in a staging folder into the places of earlier ones, all or none: until keep(), what stood
/// there is kept in the staging folder, and comes back with the object. Files of other names are not touched. As long
/// as it lives, signals that would end the process in between wait.
class FileSwap {
 public:
  FileSwap(StagingFolder& staging, const std::filesystem::path& out_dir);
  FileSwap(const FileSwap&) = delete;
  FileSwap& operator=(const FileSwap&) = delete;
  ~FileSwap();

  /// `name` is relative to both folders. Throws as fail_to_write() does.
  void put(const std::string& name);
  /// Takes a file of the target away, where there is one.
  void take_away(const std::string& name);
  /// Everything stays as it is now, on the disk, too.
  void keep();

 private:
  struct Move {
    std::filesystem::path from, to;
    bool exchanged = false;  ///< each has the other's name
  };
  void move(const std::filesystem::path& from, const std::filesystem::path& to);
  bool exchange(const std::filesystem::path& one, const std::filesystem::path& other);

  sigset_t signals_before_{};
  StagingFolder& staging_;
  std::filesystem::path out_dir_;
  std::vector<std::filesystem::path> made_folders_;
  std::vector<Move> moves_;
};

}  // namespace paceline
