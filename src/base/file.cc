#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/descriptor.h"
#include "base/system_failure.h"
#include "paceline/error.h"

namespace paceline {
namespace {

struct stat status_of(int descriptor, const std::filesystem::path& path) {
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0) {
    throw system_failure(path.native(), "reading", errno);
  }
  return status;
}

[[noreturn]] void throw_other(const std::filesystem::path& path, std::string_view kind) {
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[{}] it is {}, a file was expected. Put the file itself there.", path.string(), kind));
}

/// What an entry is that is neither a file nor a folder.
std::string_view kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Opens a regular file, after following links. A pipe or a device would let the process wait for ever, or never end.
int open_to_read(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  const int number = errno;
  struct stat status = {};
  if (descriptor < 0 && number == ENXIO) {
    throw_other(path, "a socket or a device");
  }
  if (descriptor < 0 && number == ENOENT && ::lstat(path.c_str(), &status) == 0) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] it is a link to a file that is not there. Fetch the file again.", path.string()));
  }
  if (descriptor < 0) {
    throw system_failure(path.native(), "opening", number);
  }
  if (::fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    if (S_ISDIR(status.st_mode)) throw system_failure(path.native(), "opening", EISDIR);
    throw_other(path, kind_of(status.st_mode));
  }
  return descriptor;
}

[[noreturn]] void throw_too_large(const std::filesystem::path& path, std::size_t max_bytes) {
  throw Error(
      ErrorCode::kCorruptData,
      fmt::format("[{}] the file is larger than the {} bytes that such a file may have.", path.string(), max_bytes));
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor file(open_to_read(path));
  const struct stat status = status_of(file.number(), path);
  const auto expected = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  if (expected > max_bytes) {
    throw_too_large(path, max_bytes);
  }
  // The size is a first guess only: files of /proc have none, and a file may grow while it is read.
  constexpr std::size_t kStep = 4096;
  std::string content;
  std::size_t used = 0;
  while (true) {
    if (used == content.size()) {
      content.resize(used == 0 ? expected + 1 : used + std::max(used / 2, kStep));
    }
    const ssize_t count = ::read(file.number(), content.data() + used, content.size() - used);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      throw system_failure(path.native(), "reading", errno);
    }
    if (count == 0) {
      content.resize(used);
      return content;
    }
    used += static_cast<std::size_t>(count);
    if (used > max_bytes) {
      throw_too_large(path, max_bytes);
    }
  }
}

MappedFile MappedFile::open(const std::filesystem::path& path) {
  Descriptor file(open_to_read(path));
  const struct stat status = status_of(file.number(), path);
  MappedFile mapped;
  mapped.path_ = path;
  if (status.st_size == 0) {
    return mapped;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (data == MAP_FAILED) {
    throw system_failure(path.native(), "mapping", errno);
  }
  mapped.data_ = static_cast<const std::byte*>(data);
  mapped.size_ = size;
  mapped.descriptor_ = file.release();
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);
    ::close(descriptor_);
  }
}

void MappedFile::copy(std::size_t first, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(first));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_failure(path_.native(), "reading", errno);
    if (count == 0) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] the file became shorter while it was read. Try again when it is complete.",
                              path_.string()));
    }
    first += static_cast<std::size_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace paceline
