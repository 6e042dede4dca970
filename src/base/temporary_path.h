#pragma once

#include <filesystem>

namespace paceline {

/// Names a file or folder that must not outlive the process: as long as the object lives, a signal that ends the
/// process removes it. Made before the file is, so that there is no moment in between. Otherwise removing it is the
/// owner's business.
class TemporaryPath {
 public:
  TemporaryPath() = default;
  explicit TemporaryPath(std::filesystem::path path);
  TemporaryPath(TemporaryPath&& other) noexcept;
  TemporaryPath& operator=(TemporaryPath&& other) noexcept;
  ~TemporaryPath() { forget(); }

  const std::filesystem::path& path() const { return path_; }
  bool empty() const { return path_.empty(); }
  /// The name is no longer temporary, or gone.
  void forget();

 private:
  std::filesystem::path path_;
  char* registered_ = nullptr;
};

/// For signal handlers (async-signal-safe): removes the files, and the folders that are then empty, of this copy of
/// the library and of every copy that also_remove() named.
void remove_temporary_paths() noexcept;

/// Of this copy alone; a plug-in, which holds a copy of its own, offers it to its host.
void remove_own_temporary_paths() noexcept;

/// Makes remove_temporary_paths() call `remove_own` of a plug-in, too, for the rest of the process.
void also_remove(void (*remove_own)());

}  // namespace paceline
