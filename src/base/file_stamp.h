#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/hash.h"

namespace paceline {

/// What tells, without reading it, that a file is still the one that was read: device, inode, size, mtime and ctime. A
/// file that is written in place and given its old mtime has another ctime, which nobody can set.
struct FileStamp {
  std::string text;     ///< "missing" where there is no file
  int64_t settled = 0;  ///< since when the next change would show, in ns since 1970
};

FileStamp stamp_of(const std::filesystem::path& path);

/// Whether the next change would show: one within a step of the file system's clock after the last change would not.
/// What is known of a file that is not settled must not be remembered.
bool is_settled(const FileStamp& stamp);

/// Gives a file's content to the hasher, read in blocks. Throws as MappedFile::copy.
void add_content(const MappedFile& file, Hasher& hasher);

/// The XXH3 of a file's content, 32 hexadecimal digits. Throws Error{not_found}.
std::string hash_file(const std::filesystem::path& file);

}  // namespace paceline
