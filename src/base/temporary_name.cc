#include "base/temporary_name.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <mutex>
#include <set>
#include <string_view>
#include <system_error>

#include "base/file.h"
#include "base/hash.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".paceline-tmp-";
constexpr std::size_t kBootDigits = 8;
/// Entries of a folder that are looked at: a second's work.
constexpr std::size_t kMostEntries = 500'000;

/// Of this start of the machine, alike in all of its containers.
std::string read_boot() {
  Hasher hasher;
  try {
    hasher.update(read_file("/proc/sys/kernel/random/boot_id", 100));
  } catch (const std::exception&) {
    hasher.update("unknown");  // without /proc: nothing is told apart, and only locks count
  }
  return hasher.hex().substr(0, kBootDigits);
}

const std::string& boot() {
  static const std::string digits = read_boot();
  return digits;
}

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

/// What temporary_name() makes: prefix, boot, process, number.
bool is_temporary_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  return name.size() > kBootDigits + 1 && all_of(name.substr(0, kBootDigits), "0123456789abcdef") &&
         name[kBootDigits] == '-' && all_of(name.substr(kBootDigits + 1), "0123456789-");
}

/// A lock of any process that has such a file open is seen here: file systems of this kernel alone.
bool locks_are_seen(const fs::path& folder) {
  constexpr std::array<int64_t, 9> kLocal{0xEF53,     0x58465342, 0x9123683E, 0x01021994, 0x794C7630,
                                          0xF2F52010, 0x2FC12FC1, 0xCA451A4E, 0x858458F6};
  struct statfs status = {};
  return ::statfs(folder.c_str(), &status) == 0 &&
         std::ranges::find(kLocal, static_cast<int64_t>(status.f_type)) != kLocal.end();
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// Takes the lock of the process that made it; whoever holds it lives.
void remove_if_abandoned(const fs::path& path) {
  struct stat named = {};
  if (::lstat(path.c_str(), &named) != 0 || named.st_uid != ::geteuid()) return;
  if (!S_ISREG(named.st_mode) && !S_ISDIR(named.st_mode)) return;
  // Locks of network file systems want a file open for writing, which a folder cannot be: there folders stay.
  const int flags = S_ISDIR(named.st_mode) ? O_RDONLY | O_DIRECTORY : O_RDWR;
  const int descriptor = ::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return;
  struct stat opened = {};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor, &opened) == 0 && is_same(named, opened)) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  ::close(descriptor);
}

bool first_look(const fs::path& folder) {
  static std::mutex mutex;
  static std::set<fs::path> seen;
  std::error_code error;
  const fs::path canonical = fs::canonical(folder, error);
  const std::lock_guard lock(mutex);
  return !error && seen.insert(canonical).second;
}

}  // namespace

std::string temporary_name() {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}{}-{}-{}", kPrefix, boot(), ::getpid(), counter.fetch_add(1));
}

bool hold_temporary(int descriptor, const fs::path& path) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;  // no locks here: none to be taken
  struct stat opened = {};
  struct stat named = {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && is_same(opened, named);
}

void remove_abandoned(const fs::path& folder) noexcept try {
  if (!first_look(folder)) return;
  const bool all = locks_are_seen(folder);
  const std::string here = fmt::format("{}{}-", kPrefix, boot());
  std::error_code error;
  std::size_t left = kMostEntries;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator() && left > 0; --left) {
    const std::string name = entry->path().filename().string();
    if (is_temporary_name(name) && (all || name.starts_with(here))) remove_if_abandoned(entry->path());
    entry.increment(error);
  }
} catch (const std::exception&) {
  return;  // what stays does no harm
}

}  // namespace paceline
