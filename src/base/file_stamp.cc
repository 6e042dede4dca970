#include "base/file_stamp.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <span>
#include <vector>

namespace paceline {
namespace {

constexpr int64_t kSecond = 1'000'000'000;  // in nanoseconds
// The steps of a file system's clock: the coarsest in use are 2 s (FAT), of a second (ext3) or less than 10 ms. A time
// that is no whole second is of a fine one.
constexpr int64_t kCoarseStep = 2 * kSecond;
constexpr int64_t kFineStep = kSecond / 10;

int64_t nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

}  // namespace

FileStamp stamp_of(const std::filesystem::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return {.text = "missing"};
  const int64_t modified = nanoseconds(status.st_mtim);
  const int64_t changed = nanoseconds(status.st_ctim);
  return {.text = fmt::format("{} {} {} {} {}", status.st_dev, status.st_ino, status.st_size, modified, changed),
          .settled = std::max(modified, changed) + (status.st_ctim.tv_nsec == 0 ? kCoarseStep : kFineStep)};
}

bool is_settled(const FileStamp& stamp) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return stamp.settled < nanoseconds(now);
}

void add_content(const MappedFile& file, Hasher& hasher) {
  constexpr std::size_t kBlock = std::size_t{1} << 18;  // stays in L2
  std::vector<std::byte> block(std::min(kBlock, file.bytes().size()));
  for (std::size_t first = 0; first < file.bytes().size(); first += block.size()) {
    const std::span<std::byte> part = std::span(block).first(std::min(block.size(), file.bytes().size() - first));
    file.copy(first, part);
    hasher.update(part);
  }
}

std::string hash_file(const std::filesystem::path& file) {
  Hasher hasher;
  add_content(MappedFile::open(file), hasher);
  return hasher.hex();
}

}  // namespace paceline
