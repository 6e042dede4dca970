#include "base/aligned_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "paceline/error.h"

namespace paceline {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;   // of x86-64
constexpr std::size_t kMostBytes = std::size_t{1} << 40;  // more than any machine we serve, so a slip of arithmetic

constexpr std::size_t rounded_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

void* allocate_zeroed(std::size_t bytes) {
  void* memory = std::aligned_alloc(kCacheLine, rounded_up(bytes, kCacheLine));
  if (memory != nullptr) std::memset(memory, 0, bytes);
  return memory;
}

/// Whole huge pages straight from the kernel, which has cleared them: clearing them again would touch all of them
/// before they are needed. Null where there is no more memory.
void* map_huge_pages(std::size_t bytes) {
  const std::size_t wanted = rounded_up(bytes, kHugePage);
  const std::size_t mapped = wanted + kHugePage;
  void* const memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const start = static_cast<std::byte*>(memory);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::size_t before = rounded_up(address, kHugePage) - address;
  if (before != 0) munmap(start, before);
  if (before != kHugePage) munmap(start + before + wanted, kHugePage - before);
  // Advice only: where transparent huge pages are off, small ones serve.
  static_cast<void>(madvise(start + before, wanted, MADV_HUGEPAGE));
  return start + before;
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  void* memory = nullptr;
  if (bytes <= kMostBytes) memory = bytes < kHugePage ? allocate_zeroed(bytes) : map_huge_pages(bytes);
  if (memory == nullptr) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("[memory] {} bytes were asked for, the system has no more to give. "
                            "Free memory or use a smaller batch.",
                            bytes));
  }
  data_ = static_cast<std::byte*>(memory);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  if (size_ < kHugePage) {
    std::free(data_);
  } else if (data_ != nullptr) {
    munmap(data_, rounded_up(size_, kHugePage));
  }
}

}  // namespace paceline
