#include "export/export_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Held while a cached export is made, so that of several processes one writes and the others wait.
class FileLock {
 public:
  explicit FileLock(const fs::path& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    int result = descriptor_ < 0 ? -1 : 0;
    while (result == 0 && ::flock(descriptor_, LOCK_EX) != 0) result = errno == EINTR ? 0 : -1;
    if (result == 0) return;
    const int reason = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    throw Error(ErrorCode::kNotFound,
                fmt::format("[cache] {} cannot be locked: {}. Name a folder that can be written with --cache-dir.",
                            path.string(), std::strerror(reason)));
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { ::close(descriptor_); }

 private:
  int descriptor_;
};

fs::path beside(const fs::path& file, const char* ending) {
  fs::path path = file;
  path += ending;
  return path;
}

// Beside the export: the sizes of its files when it was complete. Written last, so a file without it is not trusted.
fs::path sizes_file(const fs::path& file) { return beside(file, ".sizes.json"); }

// 0 where the file is missing.
uint64_t size_or_zero(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

bool is_complete(const fs::path& file) try {
  const fs::path record = sizes_file(file);
  if (!fs::exists(record)) return false;
  const Json sizes = read_json_file(record);
  for (const auto& [name, size] : sizes.items()) {
    if (size.get<uint64_t>() == 0 || size.get<uint64_t>() != size_or_zero(file.parent_path() / name)) return false;
  }
  return sizes.contains(file.filename().string());
} catch (const std::exception&) {
  return false;  // an unreadable record is remade with its export
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[cache] {} cannot be created: {}. Name a folder that can be written with --cache-dir.",
                            folder.string(), error.message()));
  }
}

}  // namespace

fs::path cached_export(const fs::path& file, FunctionRef<std::vector<fs::path>()> write) {
  if (is_complete(file)) return file;
  create_folder(file.parent_path());
  const FileLock held(beside(file, ".lock"));
  if (is_complete(file)) return file;
  std::error_code ignored;  // what cannot be removed cannot be written either, and that is said by `write`
  fs::remove(sizes_file(file), ignored);
  Json sizes = Json::object();
  for (const fs::path& written : write()) sizes[written.filename().string()] = size_or_zero(written);
  write_file_atomically(sizes_file(file), sizes.dump());
  return file;
}

}  // namespace paceline
