#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// Where a row reader's bytes come from.
class ByteSource {
 public:
  /// Fills the start of `buffer`; 0 at the end. Throws Error for what the system refuses.
  virtual std::size_t read(std::span<char> buffer) = 0;
  /// Bytes in all, 0 where unknown.
  virtual uint64_t total() const = 0;
  /// Of total(), how many have been taken, where that is not the number of bytes that read() gave: unpacked ones.
  virtual std::optional<uint64_t> position() const { return std::nullopt; }
  virtual ~ByteSource() = default;
};

/// A file, or standard input for "-". Its bytes end once a stop is asked for, also while a pipe is waited for.
/// Throws Error{not_found}, and {invalid_argument} for a folder.
std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path, const std::stop_token& stop = {});

/// Bytes that the caller keeps.
std::unique_ptr<ByteSource> make_memory_source(std::string_view bytes);

/// Reads a source through one buffer. The byte order mark of UTF-8 at the start is skipped.
class ByteReader {
 public:
  static constexpr int kEnd = -1;

  explicit ByteReader(std::unique_ptr<ByteSource> source);

  /// The next byte (0 to 255) or kEnd.
  int get() {
    const int byte = peek();
    next_ += byte == kEnd ? 0 : 1;
    return byte;
  }
  /// The byte that get() will return.
  int peek() { return next_ < end_ || fill() ? static_cast<unsigned char>(buffer_[next_]) : kEnd; }

  enum class Line { kWhole, kTooLong, kEnd };
  /// A line without its end (LF or CRLF); the last one needs none. Of a line above `max_bytes` the first `max_bytes`
  /// are kept and the rest is skipped.
  Line read_line(std::string& line, std::size_t max_bytes);

  /// What the buffer holds from here on: up to 64 KiB, empty only at the end. Takes nothing.
  std::string_view preview();
  /// Takes so many bytes of the preview.
  void take(std::size_t bytes) { next_ += bytes; }

  /// From here on bytes are kept, in as much memory as they need, until release() or the next mark().
  void mark() {
    mark_ = next_;
    marked_ = true;
  }
  void release() { marked_ = false; }
  /// The bytes taken since the mark. Valid until more are read.
  std::string_view since_mark() const { return {buffer_.data() + mark_, next_ - mark_}; }
  /// Goes back to the mark: what was taken since comes again.
  void rewind() { next_ = mark_; }

  /// Whether the byte order mark of UTF-8 was there.
  bool has_mark() const { return has_mark_; }

  /// Whether a NUL has been read, here or before: rows need not look for one where there is none.
  bool holds_nul() const { return holds_nul_; }

  uint64_t bytes_read() const { return source_->position().value_or(taken_ + next_); }
  uint64_t bytes_total() const { return source_->total(); }

 private:
  bool fill();
  /// Behind end_. How many came.
  std::size_t read_more();
  /// Makes room behind what has to be kept.
  void move_kept();

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t next_ = 0;  ///< the first byte not taken yet
  std::size_t end_ = 0;   ///< behind the last byte of the buffer
  std::size_t mark_ = 0;  ///< where rewind() goes
  bool marked_ = false;
  bool holds_nul_ = false;
  bool has_mark_ = false;
  uint64_t taken_ = 0;   ///< bytes before the buffer
  bool at_end_ = false;  ///< the source has said so; a terminal would go on after it
};

}  // namespace paceline
