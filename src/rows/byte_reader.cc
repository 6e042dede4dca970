#include "rows/byte_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "base/stop_descriptor.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// As much as a pipe of Linux holds: larger reads bring nothing more.
constexpr std::size_t kBufferBytes = std::size_t{64} << 10;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class FileSource : public ByteSource {
 public:
  FileSource(std::string name, int descriptor, bool owned, const std::stop_token& stop)
      : name_(std::move(name)), descriptor_(descriptor), owned_(owned), stop_(stop) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override {
    if (owned_) ::close(descriptor_);
  }

  /// Refuses what can be opened but holds no bytes, and learns the size.
  void inspect() {
    // A closed descriptor may have been occupied by one that neither reads nor writes.
    const int mode = ::fcntl(descriptor_, F_GETFL);
    if (mode < 0 || (mode & O_PATH) != 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[{}] is closed, expected texts. Leave it open or name a file.", name_));
    }
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return;
    if (S_ISDIR(status.st_mode)) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[{}] is a folder, expected a file of texts. Name one of its files.", name_));
    }
    if (S_ISREG(status.st_mode)) total_ = static_cast<uint64_t>(status.st_size);
  }

  std::size_t read(std::span<char> buffer) override {
    while (wait_readable(descriptor_, stop_) == Wait::kReadable) {
      const ssize_t bytes = ::read(descriptor_, buffer.data(), buffer.size());
      if (bytes >= 0) return static_cast<std::size_t>(bytes);
      if (errno != EINTR) {
        throw Error(ErrorCode::kNotFound, fmt::format("[{}] cannot be read: {}.", name_, std::strerror(errno)));
      }
    }
    return 0;
  }

  uint64_t total() const override { return total_; }

 private:
  std::string name_;
  int descriptor_;
  bool owned_;
  StopDescriptor stop_;
  uint64_t total_ = 0;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : rest_(bytes), total_(bytes.size()) {}

  std::size_t read(std::span<char> buffer) override {
    const std::size_t bytes = rest_.copy(buffer.data(), buffer.size());
    rest_.remove_prefix(bytes);
    return bytes;
  }

  uint64_t total() const override { return total_; }

 private:
  std::string_view rest_;
  uint64_t total_;
};

}  // namespace

std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path, const std::stop_token& stop) {
  std::unique_ptr<FileSource> source;
  if (path == "-") {
    source = std::make_unique<FileSource>("standard input", STDIN_FILENO, false, stop);
  } else {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      throw Error(ErrorCode::kNotFound,
                  fmt::format("[{}] cannot be opened: {}. Check the path.", path.string(), std::strerror(errno)));
    }
    Descriptor opened(descriptor);
    source = std::make_unique<FileSource>(path.string(), descriptor, true, stop);
    opened.release();
  }
  source->inspect();
  return source;
}

std::unique_ptr<ByteSource> make_memory_source(std::string_view bytes) { return std::make_unique<MemorySource>(bytes); }

ByteReader::ByteReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)), buffer_(kBufferBytes) {
  // A pipe may deliver the mark in parts.
  while (end_ < kByteOrderMark.size() && kByteOrderMark.starts_with(std::string_view(buffer_.data(), end_))) {
    if (read_more() == 0) break;
  }
  has_mark_ = std::string_view(buffer_.data(), end_).starts_with(kByteOrderMark);
  if (has_mark_) next_ = kByteOrderMark.size();
}

std::size_t ByteReader::read_more() {
  const std::size_t bytes = source_->read(std::span(buffer_).subspan(end_));
  holds_nul_ = holds_nul_ || std::string_view(buffer_.data() + end_, bytes).find('\0') != std::string_view::npos;
  end_ += bytes;
  return bytes;
}

void ByteReader::move_kept() {
  const std::size_t kept = marked_ ? mark_ : end_;
  std::move(buffer_.begin() + static_cast<std::ptrdiff_t>(kept), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  taken_ += kept;
  next_ -= kept;
  end_ -= kept;
  mark_ = 0;
  if (end_ == buffer_.size()) {
    buffer_.resize(2 * buffer_.size());
  } else if (buffer_.size() > kBufferBytes && end_ < kBufferBytes / 2) {
    buffer_.resize(kBufferBytes);
    buffer_.shrink_to_fit();
  }
}

bool ByteReader::fill() {
  if (at_end_) return false;
  move_kept();
  at_end_ = read_more() == 0;
  return !at_end_;
}

std::string_view ByteReader::preview() {
  return peek() == kEnd ? std::string_view() : std::string_view(buffer_.data() + next_, end_ - next_);
}

ByteReader::Line ByteReader::read_line(std::string& line, std::size_t max_bytes) {
  line.clear();
  if (peek() == kEnd) return Line::kEnd;
  bool too_long = false;
  bool ended = false;
  while (!ended && peek() != kEnd) {
    const std::string_view rest = preview();
    const std::string_view part = rest.substr(0, rest.find('\n'));
    ended = part.size() < rest.size();
    next_ += part.size() + (ended ? 1 : 0);
    // One byte more than allowed, since it may be the CR of the line's end.
    const std::size_t room = max_bytes + 1 - line.size();
    too_long = too_long || part.size() > room;
    line.append(part.substr(0, room));
  }
  if (ended && !too_long && line.ends_with('\r')) line.pop_back();
  if (line.size() <= max_bytes) return Line::kWhole;
  line.resize(max_bytes);
  return Line::kTooLong;
}

}  // namespace paceline
