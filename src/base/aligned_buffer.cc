#include "base/aligned_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "paceline/error.h"

namespace paceline {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;   // of x86-64
constexpr std::size_t kMostBytes = std::size_t{1} << 40;  // more than any machine we serve, so a slip of arithmetic

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) {
    return;
  }
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  const std::size_t rounded = bytes > kMostBytes ? 0 : (bytes + alignment - 1) / alignment * alignment;
  void* memory = rounded == 0 ? nullptr : std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("[memory] {} bytes were asked for, the system has no more to give. "
                            "Free memory or use a smaller batch.",
                            bytes));
  }
  if (alignment == kHugePage) {
    // Advice only: where transparent huge pages are off, small ones serve.
    static_cast<void>(madvise(memory, rounded, MADV_HUGEPAGE));
  }
  std::memset(memory, 0, rounded);
  data_ = static_cast<std::byte*>(memory);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() { std::free(data_); }

}  // namespace paceline
