#include "base/paths.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/system_failure.h"

namespace paceline {

namespace fs = std::filesystem;

PathKind path_kind(const fs::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return PathKind::kNothing;
    throw system_failure(path.string(), "looking at it", errno);
  }
  if (S_ISREG(status.st_mode)) return PathKind::kFile;
  return S_ISDIR(status.st_mode) ? PathKind::kFolder : PathKind::kOther;
}

bool path_exists(const fs::path& path) { return path_kind(path) != PathKind::kNothing; }
bool is_file(const fs::path& path) { return path_kind(path) == PathKind::kFile; }
bool is_folder(const fs::path& path) { return path_kind(path) == PathKind::kFolder; }

fs::path absolute_path(const fs::path& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  if (error) throw system_failure(path.string(), "finding the working folder", error.value());
  return absolute.lexically_normal();
}

std::vector<fs::path> names_in(const fs::path& folder) {
  std::vector<fs::path> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) names.push_back(entry->path().filename());
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    throw system_failure(folder.string(), "listing the folder", error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw system_failure(folder.string(), "making the folder", error.value());
}

}  // namespace paceline
