#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/reader_gone.h"
#include "base/system_failure.h"
#include "base/temporary_name.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWriteBuffer = std::size_t{1} << 18;
constexpr int kMostLinks = 40;  // as Linux follows
constexpr unsigned kModeOfNewFiles = 0666;

/// The number of a descriptor of this process that `path` is the name of: an entry of /proc/self/fd. -1: none.
int descriptor_named(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.empty() || name.size() > 9 || name.find_first_not_of("0123456789") != std::string::npos) return -1;
  std::error_code error;
  const std::string folder = fs::canonical(path.parent_path(), error).string();
  const std::string own = "/proc/" + std::to_string(::getpid()) + "/";
  const bool is_own = !error && folder.starts_with(own) && folder.ends_with("/fd");
  return is_own ? std::stoi(name) : -1;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

/// The owner goes first: giving a file away takes mode bits from it. Who may not give it away keeps it, and where its
/// group cannot be kept either, another group gets no more than everybody.
void take_over(const struct stat& from, int descriptor) {
  mode_t mode = from.st_mode & 0777;
  const auto give = [&](uid_t owner) { return ::fchown(descriptor, owner, from.st_gid) == 0; };
  if (!give(from.st_uid) && !give(static_cast<uid_t>(-1))) mode &= 0707 | (mode & 07) << 3;
  ::fchmod(descriptor, mode);
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  open_target();
  if (descriptor_ >= 0) return;
  const int number = errno;
  temporary_.forget();
  throw system_failure(path_.native(), "creating", number);
}

/// Leaves descriptor_ negative and errno where that is not possible.
void AtomicFile::open_target() {
  fs::path target = path_;
  for (int links = 0; links <= kMostLinks; ++links) {
    if (const int number = descriptor_named(target); number >= 0) {
      // Opening it by name would begin at the start of the file, over what the shell's other commands write there.
      descriptor_ = ::fcntl(number, F_DUPFD_CLOEXEC, 0);
      return;
    }
    struct stat status = {};
    const bool there = ::lstat(target.c_str(), &status) == 0;
    if (!there && errno != ENOENT) return;
    if (there && S_ISLNK(status.st_mode)) {
      std::error_code error;
      const fs::path to = fs::read_symlink(target, error);
      if (error) throw system_failure(path_.native(), "creating", error.value());
      target = folder_of(target) / to;
      continue;
    }
    if (there && S_ISDIR(status.st_mode)) throw system_failure(path_.native(), "writing", EISDIR);
    if (there && !S_ISREG(status.st_mode)) {
      descriptor_ = ::open(target.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
      return;
    }
    path_ = std::move(target);
    open_temporary(there ? status.st_mode & 0600 : kModeOfNewFiles);
    if (there && descriptor_ >= 0) take_over(status, descriptor_);
    return;
  }
  errno = ELOOP;
}

/// A process of the same id (in another container, or killed long ago) may have left the same name: then the next one.
void AtomicFile::open_temporary(unsigned mode) {
  const fs::path folder = folder_of(path_);
  remove_abandoned(folder);
  while (true) {
    temporary_ = TemporaryPath(folder / temporary_name());
    const fs::path& name = temporary_.path();
    descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (descriptor_ < 0 && errno == EEXIST) continue;
    if (descriptor_ < 0 || hold_temporary(descriptor_, name)) return;
    ::close(descriptor_);
  }
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) {
    ::unlink(temporary_.path().c_str());
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  written_ += bytes.size();
  if (buffer_.size() + bytes.size() > kWriteBuffer) {
    flush();
  }
  if (bytes.size() > kWriteBuffer) {
    write_through(bytes);
  } else {
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

void AtomicFile::flush() {
  write_through(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
}

void AtomicFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno == EPIPE) {
      throw ReaderGone(ErrorCode::kNotFound, "[" + path_.string() + "] nobody reads it any more.");
    } else if (errno != EINTR) {
      throw system_failure(path_.native(), "writing", errno);
    }
  }
}

void AtomicFile::finish() {
  if (std::exchange(finished_, true)) return;
  flush();
  if (!temporary_.empty() && ::fsync(descriptor_) != 0) {
    throw system_failure(path_.native(), "writing", errno);
  }
}

void AtomicFile::commit() {
  finish();
  // Closed behind the rename: until then the descriptor's lock says that the temporary file is in use.
  if (!temporary_.empty() && ::rename(temporary_.path().c_str(), path_.c_str()) != 0) {
    throw system_failure(path_.native(), "renaming", errno);
  }
  const bool direct = temporary_.empty();
  temporary_.forget();
  if (::close(std::exchange(descriptor_, -1)) != 0 && direct) {
    throw system_failure(path_.native(), "writing", errno);
  }
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void put_names_on_disk(const fs::path& folder) noexcept {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  static_cast<void>(::fsync(descriptor));
  ::close(descriptor);
}

}  // namespace paceline
