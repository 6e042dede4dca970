#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "paceline/error.h"

namespace paceline {
namespace {

constexpr std::size_t kWriteBuffer = std::size_t{1} << 18;

/// Throws what the system said about `path`, with what to do about it. `number` is errno.
[[noreturn]] void throw_system(const std::filesystem::path& path, std::string_view action, int number) {
  ErrorCode code = ErrorCode::kCorruptData;
  std::string_view hint = "Check the disk.";
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      hint = "Check the path.";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kInvalidArgument;
      hint = "Check the permissions.";
      break;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      code = ErrorCode::kInvalidArgument;
      hint = "Name a file.";
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = ErrorCode::kResourceExhausted;
      hint = "The disk is full or the quota is used up: free some space.";
      break;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      code = ErrorCode::kResourceExhausted;
      hint = "Close other programs.";
      break;
    default:
      break;
  }
  throw Error(code, fmt::format("[{}] {} failed: {}. {}", path.string(), action,
                                std::generic_category().message(number), hint));
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  int number() const { return number_; }

 private:
  int number_;
};

struct stat status_of(int descriptor, const std::filesystem::path& path) {
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0) {
    throw_system(path, "reading", errno);
  }
  return status;
}

int open_to_read(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw_system(path, "opening", errno);
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
  if (S_ISREG(status.st_mode) && expected > max_bytes) {
    throw_too_large(path, max_bytes);
  }
  // The size is a first guess only: pipes and files of /proc have none, and a file may grow while it is read.
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
      throw_system(path, "reading", errno);
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
  const Descriptor file(open_to_read(path));
  const struct stat status = status_of(file.number(), path);
  if (!S_ISREG(status.st_mode)) {
    throw_system(path, "mapping", S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  }
  MappedFile mapped;
  mapped.path_ = path;
  if (status.st_size == 0) {
    return mapped;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (data == MAP_FAILED) {
    throw_system(path, "mapping", errno);
  }
  mapped.data_ = static_cast<const std::byte*>(data);
  mapped.size_ = size;
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
}

void MappedFile::release_pages() const {
  // Advice only: where it is not taken, the pages stay until they are unmapped.
  if (data_ != nullptr) static_cast<void>(::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED));
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path_, ignored);
  if (std::filesystem::is_directory(status)) {
    throw_system(path_, "writing", EISDIR);
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    // A device or a pipe (/dev/null, /dev/stdout) has no content to protect and must not be renamed over.
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    // A link stays a link: the file that it points to is replaced.
    const std::filesystem::path target = std::filesystem::weakly_canonical(path_, ignored);
    path_ = target.empty() ? path_ : target;
    open_temporary();
  }
  if (descriptor_ < 0) {
    const int number = errno;
    temporary_.forget();
    throw_system(path_, "creating", number);
  }
}

/// A process of the same id (in another container, or killed long ago) may have left the same name: then the next one.
void AtomicFile::open_temporary() {
  static std::atomic<unsigned> counter{0};
  do {
    const std::string name = fmt::format(".{}.tmp-{}-{}", path_.filename().string(), ::getpid(), counter.fetch_add(1));
    temporary_ = TemporaryPath(path_.parent_path() / name);
    descriptor_ = ::open(temporary_.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  if (!temporary_.empty()) {
    ::unlink(temporary_.path().c_str());
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
    } else if (errno != EINTR) {
      throw_system(path_, "writing", errno);
    }
  }
}

void AtomicFile::commit() {
  flush();
  if (!temporary_.empty() && ::fsync(descriptor_) != 0) {
    throw_system(path_, "writing", errno);
  }
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    throw_system(path_, "writing", errno);
  }
  if (!temporary_.empty() && ::rename(temporary_.path().c_str(), path_.c_str()) != 0) {
    throw_system(path_, "renaming", errno);
  }
  temporary_.forget();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace paceline
