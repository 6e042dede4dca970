#include "export/export_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/cache_folder.h"
#include "base/file.h"
#include "base/file_stamp.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/staging_folder.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Held while a cached export is made, so that of several processes one writes and the others wait.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644)) {
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

constexpr std::size_t kMostRecordBytes = std::size_t{1} << 16;

// Beside the export: the checksums of its files when it was complete, and the stamps that they had when they were last
// read and found to be so. Written last, so a file without it is not trusted.
fs::path record_file(const fs::path& file) { return beside(file, ".sums.json"); }

// The stamps of the files that the record names, a line each.
FileStamp stamp_files(const Json& sums, const fs::path& folder) {
  FileStamp all;
  for (const auto& [name, sum] : sums.items()) {
    const FileStamp one = stamp_of(folder / name);
    all.text += fmt::format("{} {}\n", name, one.text);
    all.settled = std::max(all.settled, one.settled);
  }
  return all;
}

bool are_trusted_files(const Json& sums, const fs::path& folder) {
  for (const auto& [name, sum] : sums.items()) {
    if (name.find('/') != std::string::npos || !is_trusted_file(folder / name)) return false;
  }
  return true;
}

bool have_their_sums(const Json& sums, const fs::path& folder) {
  for (const auto& [name, sum] : sums.items()) {
    if (sum.get<std::string>() != hash_file(folder / name)) return false;
  }
  return true;
}

// Whether every file is as it was written. Reads all of them, but for those whose stamps are those of an earlier look.
bool is_whole(const fs::path& file) try {
  const fs::path folder = file.parent_path();
  Json record = parse_json(recall_from_cache(record_file(file), kMostRecordBytes), "cache");
  const Json& sums = record.at("sums");
  if (!sums.contains(file.filename().string()) || !are_trusted_files(sums, folder)) return false;
  const FileStamp before = stamp_files(sums, folder);
  if (record.at("stamps") == before.text) return true;
  if (!have_their_sums(sums, folder)) return false;
  if (is_settled(before) && stamp_files(sums, folder).text == before.text) {
    record["stamps"] = before.text;
    remember_in_cache(record_file(file), record.dump(1));
  }
  return true;
} catch (const std::exception&) {
  return false;  // an unreadable record is remade with its export
}

void refuse_untrusted(const fs::path& folder) {
  const std::string why = why_untrusted(folder);
  if (why.empty()) return;
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[cache] {} {}, so what is in it may be anybody's. Make it yours alone (chown, chmod go-w), or "
                  "name another folder with --cache-dir.",
                  folder.string(), why));
}

// Renaming replaces a link that somebody has planted, and never follows it.
void move_into_place(const fs::path& staged, const fs::path& file) {
  std::error_code error;
  fs::rename(staged, file, error);
  if (error) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[cache] {} cannot be written: {}. Name a folder that can be written with --cache-dir.",
                            file.string(), error.message()));
  }
}

void make_export(const fs::path& file, FunctionRef<void(const fs::path& file)> write) {
  const fs::path folder = file.parent_path();
  StagingFolder staging(folder);
  write(staging.place(file.filename().string()));
  Json record{{"sums", Json::object()}, {"stamps", ""}};
  const std::vector<fs::path> names = names_in(staging.path());
  for (const fs::path& name : names) {
    const fs::path staged =
        staging.place(name.string());  // what was written beside the model is found by a signal, too
    keep_to_ourselves(staged);
    record["sums"][name.string()] = hash_file(staged);
  }
  std::error_code ignored;
  fs::remove(record_file(file), ignored);  // what cannot be removed cannot be replaced either, and that is said below
  for (const fs::path& name : names) move_into_place(staging.path() / name, folder / name);
  const fs::path staged_record = staging.place(record_file(file).filename().string());
  write_file_atomically(staged_record, record.dump(1));
  keep_to_ourselves(staged_record);
  move_into_place(staged_record, record_file(file));
}

}  // namespace

fs::path cached_export(const fs::path& file, FunctionRef<void(const fs::path& file)> write) {
  refuse_untrusted(file.parent_path());
  if (is_whole(file)) return file;
  make_cache_folder(file.parent_path());
  refuse_untrusted(file.parent_path());
  const FileLock held(beside(file, ".lock"));
  if (!is_whole(file)) make_export(file, write);
  return file;
}

}  // namespace paceline
