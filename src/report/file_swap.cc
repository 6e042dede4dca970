#include "report/file_swap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>
#include <set>

#include "base/file.h"
#include "base/paths.h"
#include "paceline/error.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

void fail_to_write(const fs::path& path, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device || error.value() == EDQUOT;
  throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kInvalidArgument,
              fmt::format("[report] cannot write {}: {}. {}", path.string(), error.message(),
                          full ? "Free some space, or choose another folder with --out."
                               : "Choose a folder that can be written with --out."));
}

FileSwap::FileSwap(StagingFolder& staging, const fs::path& out_dir) : staging_(staging), out_dir_(out_dir) {
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ending, signal);
  ::pthread_sigmask(SIG_BLOCK, &ending, &signals_before_);
}

FileSwap::~FileSwap() {
  for (auto move = moves_.rbegin(); move != moves_.rend(); ++move) {
    if (move->exchanged) {
      static_cast<void>(::renameat2(AT_FDCWD, move->from.c_str(), AT_FDCWD, move->to.c_str(), RENAME_EXCHANGE));
    } else {
      static_cast<void>(::rename(move->to.c_str(), move->from.c_str()));
    }
  }
  for (auto folder = made_folders_.rbegin(); folder != made_folders_.rend(); ++folder) ::rmdir(folder->c_str());
  ::pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void FileSwap::put(const std::string& name) {
  const fs::path staged = staging_.path() / name;
  const fs::path place = out_dir_ / name;
  const fs::path folder = place.parent_path();
  if (!path_exists(folder)) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) fail_to_write(folder, error);
    made_folders_.push_back(folder);
  }
  if (path_exists(place)) {
    if (exchange(staged, place)) return;
    take_away(name);
  }
  move(staged, place);
}

void FileSwap::take_away(const std::string& name) {
  if (path_exists(out_dir_ / name)) move(out_dir_ / name, staging_.place("earlier/" + name));
}

void FileSwap::keep() {
  std::set<fs::path> folders;
  for (const Move& move : moves_) folders.insert({move.from.parent_path(), move.to.parent_path()});
  for (const fs::path& folder : folders) put_names_on_disk(folder);
  for (const fs::path& folder : folders) {
    if (folder != out_dir_) ::rmdir(folder.c_str());  // works only where nothing is left in it
  }
  moves_.clear();
  made_folders_.clear();
}

/// In one step, so that there is no moment without a file. False where the file system cannot.
bool FileSwap::exchange(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
    if (errno == EINVAL || errno == ENOSYS) return false;
    fail_to_write(other, last_error());
  }
  moves_.push_back({.from = one, .to = other, .exchanged = true});
  return true;
}

void FileSwap::move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_to_write(to, last_error());
  moves_.push_back({.from = from, .to = to});
}

}  // namespace paceline
