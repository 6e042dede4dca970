#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "paceline/error.h"

namespace paceline {

/// The bytes of a pickle, read from the front. Texts point into them.
class PickleBytes {
 public:
  /// `where` opens messages.
  PickleBytes(std::span<const std::byte> data, std::string_view where) : data_(data), where_(where) {}

  std::string_view where() const { return where_; }
  std::size_t position() const { return at_; }
  std::size_t left() const { return data_.size() - at_; }

  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] the pickle makes no sense at byte {}: {}. Is the file truncated?", where_, at_, what));
  }

  template <class T>
  T read_number() {
    const std::string_view bytes = read_text(sizeof(T));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  std::string_view read_text(uint64_t bytes) {
    if (bytes > left()) refuse(fmt::format("{} bytes were announced, {} follow", bytes, left()));
    const std::string_view text(reinterpret_cast<const char*>(data_.data()) + at_, static_cast<std::size_t>(bytes));
    at_ += text.size();
    return text;
  }

  std::string_view read_line() {
    const std::string_view rest(reinterpret_cast<const char*>(data_.data()) + at_, left());
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) refuse("a name does not end");
    at_ += end + 1;
    return rest.substr(0, end);
  }

 private:
  std::span<const std::byte> data_;
  std::string_view where_;
  std::size_t at_ = 0;
};

}  // namespace paceline
