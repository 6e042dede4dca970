#include "base/cache_folder.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEntryBytes = 1 << 16;  // of a user or group in the system's lists

/// Whether nobody but this user is in the group, as far as the system's lists tell.
bool is_private_group(gid_t group) {
  std::vector<char> user_text(kEntryBytes);
  std::vector<char> group_text(kEntryBytes);
  passwd user_entry{};
  ::group group_entry{};
  passwd* user = nullptr;
  ::group* found = nullptr;
  if (::getpwuid_r(::geteuid(), &user_entry, user_text.data(), user_text.size(), &user) != 0 || user == nullptr ||
      ::getgrgid_r(group, &group_entry, group_text.data(), group_text.size(), &found) != 0 || found == nullptr) {
    return false;
  }
  const std::string_view name = user->pw_name;
  if (user->pw_gid != group || name != found->gr_name) return false;
  for (char** member = found->gr_mem; *member != nullptr; ++member) {
    if (name != *member) return false;
  }
  return true;
}

std::string why_foreign(const struct stat& status) {
  if (status.st_uid == ::geteuid() || status.st_uid == 0) return {};
  return fmt::format("belongs to another user (uid {})", status.st_uid);
}

std::string why_open(const struct stat& status) {
  const bool everybody = (status.st_mode & S_IWOTH) != 0;
  const bool group = (status.st_mode & S_IWGRP) != 0;
  if (!everybody && (!group || is_private_group(status.st_gid))) return {};
  return fmt::format("may be written by {} (mode {:04o})",
                     everybody ? "everybody" : fmt::format("group {}", status.st_gid), status.st_mode & 07777);
}

}  // namespace

fs::path default_cache_dir() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && fs::path(cache).is_absolute()) {
    return fs::path(cache) / "paceline";
  }
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return fs::path(home) / ".cache" / "paceline";
  }
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return fs::path(found->pw_dir) / ".cache" / "paceline";
  }
  throw Error(ErrorCode::kNotFound,
              "[cache] this user has no home folder to keep files in. Set XDG_CACHE_HOME or give --cache-dir.");
}

std::string why_untrusted(const fs::path& folder) {
  struct stat named = {};
  struct stat status = {};
  // Who made a link decides where it leads.
  if (::lstat(folder.c_str(), &named) != 0 || ::stat(folder.c_str(), &status) != 0) return {};  // nothing there yet
  for (const struct stat* one : {&named, &status}) {
    if (std::string why = why_foreign(*one); !why.empty()) return why;
  }
  return (status.st_mode & S_ISVTX) != 0 ? "" : why_open(status);
}

bool is_trusted_file(const fs::path& file) {
  struct stat status = {};
  return ::lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && why_foreign(status).empty() &&
         why_open(status).empty();
}

void make_cache_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (!error && ::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    error = {errno, std::generic_category()};
  }
  if (!error && !fs::is_directory(folder, error) && !error) error = std::make_error_code(std::errc::not_a_directory);
  if (!error) return;
  throw Error(ErrorCode::kNotFound,
              fmt::format("[cache] {} cannot be created: {}. Name a folder that can be written with --cache-dir.",
                          folder.string(), error.message()));
}

void keep_to_ourselves(const fs::path& file) {
  std::error_code ignored;  // what others may write is not trusted when it is read
  fs::permissions(file, fs::perms::group_write | fs::perms::others_write, fs::perm_options::remove, ignored);
}

std::string recall_from_cache(const fs::path& file, std::size_t max_bytes) try {
  if (!why_untrusted(file.parent_path()).empty() || !is_trusted_file(file)) return {};
  return read_file(file, max_bytes);
} catch (const Error&) {
  return {};
}

void remember_in_cache(const fs::path& file, std::string_view content) try {
  make_cache_folder(file.parent_path());
  std::error_code ignored;
  if (!why_untrusted(file.parent_path()).empty()) return;
  if (!is_trusted_file(file)) fs::remove(file, ignored);  // a link, say, that would be followed
  write_file_atomically(file, content);
  keep_to_ourselves(file);
} catch (const Error&) {
  return;
}

}  // namespace paceline
