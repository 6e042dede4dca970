#include "rows/converted_source.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace paceline {
namespace {

constexpr std::size_t kInputBytes = std::size_t{64} << 10;

/// Bytes of another source, piece by piece turned into others.
class ConvertedSource : public ByteSource {
 public:
  explicit ConvertedSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)), input_(kInputBytes) {}

  std::size_t read(std::span<char> buffer) final {
    while (next_ == output_.size() && !at_end_) {
      output_.clear();
      next_ = 0;
      const std::size_t bytes = source_->read(input_);
      taken_ += bytes;
      at_end_ = bytes == 0;
      if (at_end_) {
        finish(output_);
      } else {
        convert({input_.data(), bytes}, output_);
      }
    }
    const std::size_t given = output_.copy(buffer.data(), buffer.size(), next_);
    next_ += given;
    return given;
  }

  uint64_t total() const final { return source_->total(); }
  std::optional<uint64_t> position() const final { return source_->position().value_or(taken_); }

 private:
  virtual void convert(std::string_view input, std::string& output) = 0;
  virtual void finish(std::string& /*output*/) {}

  std::unique_ptr<ByteSource> source_;
  std::vector<char> input_;
  std::string output_;
  std::size_t next_ = 0;  ///< the first byte of output_ not given yet
  uint64_t taken_ = 0;
  bool at_end_ = false;
};

class Utf16Source : public ConvertedSource {
 public:
  using ConvertedSource::ConvertedSource;

 private:
  static constexpr char32_t kFirstHigh = 0xD800;
  static constexpr char32_t kFirstLow = 0xDC00;
  static constexpr char32_t kBehindSurrogates = 0xE000;
  static constexpr char32_t kMark = 0xFEFF;

  void convert(std::string_view input, std::string& output) override {
    for (const char c : input) {
      const auto byte = static_cast<unsigned char>(c);
      if (!has_first_) {
        first_ = byte;
      } else {
        take_unit(little_ ? char32_t{byte} << 8 | first_ : char32_t{first_} << 8 | byte, output);
      }
      has_first_ = !has_first_;
    }
  }

  void finish(std::string& output) override {
    flush_high(output);
    if (has_first_) output += '\xFF';
  }

  void take_unit(char32_t unit, std::string& output) {
    if (!marked_) {
      // The mark itself says which byte comes first.
      marked_ = true;
      little_ = unit != kMark;
      return;
    }
    const bool low = unit >= kFirstLow && unit < kBehindSurrogates;
    if (low && high_ != 0) {
      append(0x10000 + ((high_ - kFirstHigh) << 10) + (unit - kFirstLow), output);
      high_ = 0;
      return;
    }
    flush_high(output);
    if (unit >= kFirstHigh && unit < kFirstLow) {
      high_ = unit;
    } else {
      append(unit, output);
    }
  }

  /// Half of a pair, which its three bytes say without being UTF-8.
  void flush_high(std::string& output) {
    if (high_ != 0) append(std::exchange(high_, 0), output);
  }

  static void append(char32_t code, std::string& output) {
    const auto tail = [&](int shift) { output += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
      output += static_cast<char>(code);
    } else if (code < 0x800) {
      output += static_cast<char>(0xC0 | code >> 6);
      tail(0);
    } else if (code < 0x10000) {
      output += static_cast<char>(0xE0 | code >> 12);
      tail(6);
      tail(0);
    } else {
      output += static_cast<char>(0xF0 | code >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
  }

  bool marked_ = false;
  bool little_ = false;
  bool has_first_ = false;
  unsigned char first_ = 0;
  char32_t high_ = 0;  ///< the first half of a pair, 0 where there is none
};

class CarriageReturnSource : public ConvertedSource {
 public:
  using ConvertedSource::ConvertedSource;

 private:
  void convert(std::string_view input, std::string& output) override {
    for (const char c : input) {
      const bool second = c == '\n' && std::exchange(behind_return_, false);
      behind_return_ = c == '\r';
      if (!second) output += behind_return_ ? '\n' : c;
    }
  }

  bool behind_return_ = false;
};

class ResumedSource : public ByteSource {
 public:
  ResumedSource(std::string start, std::unique_ptr<ByteSource> rest)
      : start_(std::move(start)), rest_(std::move(rest)) {}

  std::size_t read(std::span<char> buffer) override {
    if (next_ == start_.size()) return rest_->read(buffer);
    const std::size_t given = start_.copy(buffer.data(), buffer.size(), next_);
    next_ += given;
    return given;
  }

  uint64_t total() const override { return rest_->total(); }
  std::optional<uint64_t> position() const override { return rest_->position(); }

 private:
  std::string start_;
  std::size_t next_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

}  // namespace

std::unique_ptr<ByteSource> make_utf16_source(std::unique_ptr<ByteSource> source) {
  return std::make_unique<Utf16Source>(std::move(source));
}

std::unique_ptr<ByteSource> make_carriage_return_source(std::unique_ptr<ByteSource> source) {
  return std::make_unique<CarriageReturnSource>(std::move(source));
}

std::unique_ptr<ByteSource> make_resumed_source(std::string start, std::unique_ptr<ByteSource> rest) {
  return std::make_unique<ResumedSource>(std::move(start), std::move(rest));
}

}  // namespace paceline
