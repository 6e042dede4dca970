#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/temporary_path.h"

namespace paceline {

/// The whole content of a file of at most `max_bytes`. Throws Error{not_found, corrupt_data, resource_exhausted}.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes);

/// A file mapped read-only into memory. Empty files give an empty span.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws Error{not_found} with the system's reason.
  static MappedFile open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Takes what has been read so far out of this process's memory; it comes back from the page cache when it is read
  /// again. From any thread.
  void release_pages() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

/// Writes beside the target under a temporary name and renames on commit(); without it nothing is left behind, nor
/// when a signal ends the process by remove_temporary_paths().
/// A target that is a device or a pipe is written directly.
/// Throws Error: resource_exhausted (a full disk), not_found (no such folder), invalid_argument (no permission, a
/// folder).
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::string_view text);
  void write(std::span<const std::byte> bytes);
  uint64_t written() const { return written_; }
  /// Flushes to disk and renames over the target.
  void commit();

 private:
  void open_temporary();
  void flush();
  void write_through(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  TemporaryPath temporary_;  ///< empty: the target itself is written
  std::string buffer_;
  uint64_t written_ = 0;
  int descriptor_ = -1;
};

/// write + commit in one call.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace paceline
