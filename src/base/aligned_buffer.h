#pragma once

#include <cstddef>
#include <span>

namespace paceline {

/// Zeroed memory aligned to 64 bytes; from 2 MiB up it starts on a huge-page boundary and asks for huge pages.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// Throws Error{resource_exhausted}.
  explicit AlignedBuffer(std::size_t bytes);
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
  }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace paceline
