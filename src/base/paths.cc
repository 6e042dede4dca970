#include "base/paths.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/system_failure.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

/// Whether stat or lstat has found something.
bool found(int result, const fs::path& path) {
  if (result == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw system_failure(path.native(), "looking at it", errno);
}

}  // namespace

bool path_exists(const fs::path& path) {
  struct stat status = {};
  return found(::lstat(path.c_str(), &status), path);
}

PathKind path_kind(const fs::path& path) {
  struct stat status = {};
  if (!found(::stat(path.c_str(), &status), path)) return PathKind::kNothing;
  if (S_ISREG(status.st_mode)) return PathKind::kFile;
  return S_ISDIR(status.st_mode) ? PathKind::kFolder : PathKind::kOther;
}

bool is_file(const fs::path& path) { return path_kind(path) == PathKind::kFile; }
bool is_folder(const fs::path& path) { return path_kind(path) == PathKind::kFolder; }

fs::path absolute_path(const fs::path& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  if (error) throw system_failure(path.native(), "finding the working folder", error.value());
  return absolute.lexically_normal();
}

std::vector<fs::path> names_in(const fs::path& folder) {
  std::vector<fs::path> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) names.push_back(entry->path().filename());
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    throw system_failure(folder.native(), "listing the folder", error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw system_failure(folder.native(), "making the folder", error.value());
}

}  // namespace paceline
