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

/// A file mapped read-only into memory, and open as long. Empty files give an empty span.
///
/// Whoever touches bytes() while somebody makes the file shorter is sent SIGBUS, which ends the process. What takes
/// time reads through copy(), to which that is an Error.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws Error{not_found} with the system's reason.
  static MappedFile open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Reads bytes [first, first + out.size()), which are there, from the file itself. From any thread.
  /// Throws Error{corrupt_data} where the file has become shorter, and the system's errors.
  void copy(std::size_t first, std::span<std::byte> out) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int descriptor_ = -1;
  std::filesystem::path path_;
};

/// Writes beside the target under a temporary name and renames on commit(); without it nothing is left behind, nor
/// when a signal ends the process by remove_temporary_paths(). What a killed process left goes with the next file
/// written into the folder.
///
/// A link stays a link: the file that it points to is replaced. A file that is replaced keeps its mode and, where this
/// process may give files away, its owner. What is no regular file (a device, a pipe) is written directly, as is an
/// open descriptor that goes by its number (/dev/stdout, /dev/fd/N, /proc/self/fd/N): from its own offset, or appended.
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
  /// Puts everything on the disk, still under the temporary name: of several files that belong together, each is
  /// finished before the first is committed.
  void finish();
  /// finish(), then renames over the target.
  void commit();

 private:
  void open_target();
  void open_temporary(unsigned mode);
  void flush();
  void write_through(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  TemporaryPath temporary_;  ///< empty: the target itself is written
  std::string buffer_;
  uint64_t written_ = 0;
  int descriptor_ = -1;
  bool finished_ = false;
};

/// write + commit in one call.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Puts the names in a folder on the disk. Advice: where it is not taken, they are there a little later.
void put_names_on_disk(const std::filesystem::path& folder) noexcept;

}  // namespace paceline
