#include "tensor/zip_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::size_t kLocator64Bytes = 20;
constexpr std::size_t kMostComment = 0xffff;
constexpr uint32_t kIn64 = 0xffffffff;  // the true number stands in a ZIP64 field
constexpr uint16_t kCountIn64 = 0xffff;
constexpr uint16_t kExtra64 = 1;
constexpr uint16_t kEncrypted = 1;  // a bit of the flags

[[noreturn]] void throw_corrupt(std::string_view where, std::string_view what) {
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {} Is the file truncated?", where, what));
}

template <class T>
T number_at(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Where the list of entries lies.
struct Directory {
  uint64_t entries = 0;
  uint64_t begin = 0;
  uint64_t bytes = 0;
  uint64_t end = 0;  ///< where the record that says so begins
};

/// The end record is the last one whose comment reaches exactly to the end of the file.
std::size_t find_end(std::span<const std::byte> file, std::string_view where) {
  if (file.size() >= kEndBytes) {
    const std::size_t last = file.size() - kEndBytes;
    const std::size_t first = last > kMostComment ? last - kMostComment : 0;
    for (std::size_t at = last + 1; at-- > first;) {
      if (number_at<uint32_t>(file, at) == kEndSignature &&
          number_at<uint16_t>(file, at + 20) == file.size() - kEndBytes - at) {
        return at;
      }
    }
  }
  throw_corrupt(where, "the ZIP archive has no end record.");
}

bool has_locator64(std::span<const std::byte> file, std::size_t end) {
  return end >= kLocator64Bytes && number_at<uint32_t>(file, end - kLocator64Bytes) == kLocator64Signature;
}

Directory read_end64(std::span<const std::byte> file, std::size_t end, std::string_view where) {
  if (!has_locator64(file, end)) {
    throw_corrupt(where, "the ZIP archive's end record points to a ZIP64 record that is not there.");
  }
  const std::size_t locator = end - kLocator64Bytes;
  const auto at = number_at<uint64_t>(file, locator + 8);
  if (at > locator || locator - at < kEnd64Bytes || number_at<uint32_t>(file, at) != kEnd64Signature) {
    throw_corrupt(where, "the ZIP archive's ZIP64 record is not where its locator puts it.");
  }
  return {.entries = number_at<uint64_t>(file, at + 32),
          .begin = number_at<uint64_t>(file, at + 48),
          .bytes = number_at<uint64_t>(file, at + 40),
          .end = at};
}

Directory find_directory(std::span<const std::byte> file, std::string_view where) {
  const std::size_t end = find_end(file, where);
  Directory directory{.entries = number_at<uint16_t>(file, end + 10),
                      .begin = number_at<uint32_t>(file, end + 16),
                      .bytes = number_at<uint32_t>(file, end + 12),
                      .end = end};
  if (number_at<uint16_t>(file, end + 4) != 0 && number_at<uint16_t>(file, end + 4) != kCountIn64) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the ZIP archive is in several parts, one file was expected.", where));
  }
  // torch writes the ZIP64 record whether it needs one or not.
  const bool needed = directory.entries == kCountIn64 || directory.begin == kIn64 || directory.bytes == kIn64;
  if (needed || has_locator64(file, end)) {
    directory = read_end64(file, end, where);
  }
  if (directory.begin > directory.end || directory.bytes != directory.end - directory.begin) {
    throw_corrupt(where, fmt::format("the ZIP archive's directory of {} bytes at byte {} was expected to end at byte "
                                     "{}.",
                                     directory.bytes, directory.begin, directory.end));
  }
  if (directory.entries > directory.bytes / kCentralBytes) {
    throw_corrupt(where, fmt::format("the ZIP archive announces {} entries in a directory of {} bytes.",
                                     directory.entries, directory.bytes));
  }
  return directory;
}

struct Record {
  std::string_view name;
  uint16_t method = 0;
  uint64_t bytes = 0;  ///< as stored
  uint64_t plain_bytes = 0;
  uint64_t local = 0;  ///< where the local header begins
  uint64_t data = 0;   ///< where the bytes begin
};

/// Replaces the numbers that stand in the ZIP64 field, which has them in this order.
void read_extra64(std::span<const std::byte> extra, Record* record, std::string_view place) {
  std::optional<std::span<const std::byte>> field;
  for (std::size_t at = 0; at + 4 <= extra.size() && !field;) {
    const std::size_t length = number_at<uint16_t>(extra, at + 2);
    if (length > extra.size() - at - 4) break;
    if (number_at<uint16_t>(extra, at) == kExtra64) field = extra.subspan(at + 4, length);
    at += 4 + length;
  }
  std::size_t used = 0;
  for (uint64_t* number : {&record->plain_bytes, &record->bytes, &record->local}) {
    if (*number != kIn64) continue;
    if (!field || field->size() < used + sizeof(uint64_t)) {
      throw_corrupt(place, "a size that stands in a ZIP64 field was expected there.");
    }
    *number = number_at<uint64_t>(*field, used);
    used += sizeof(uint64_t);
  }
}

void check_plain(uint16_t flags, std::string_view place) {
  if ((flags & kEncrypted) != 0) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the entry is encrypted, a plain one was expected.", place));
  }
}

/// The local header has to be the same entry's; it says where the data begins.
void locate(std::span<const std::byte> file, const Directory& directory, Record* record, std::string_view place) {
  if (record->local > directory.begin || directory.begin - record->local < kLocalBytes ||
      number_at<uint32_t>(file, record->local) != kLocalSignature) {
    throw_corrupt(place, fmt::format("no entry begins at byte {}, where the directory puts it.", record->local));
  }
  const auto header = file.subspan(record->local, kLocalBytes);
  check_plain(number_at<uint16_t>(header, 6), place);
  if (number_at<uint16_t>(header, 8) != record->method) {
    throw_corrupt(place, "the entry has another method of compression than the directory gives it.");
  }
  const std::size_t name_bytes = number_at<uint16_t>(header, 26);
  record->data = record->local + kLocalBytes + name_bytes + number_at<uint16_t>(header, 28);
  if (record->data > directory.begin || record->bytes > directory.begin - record->data) {
    throw_corrupt(place, fmt::format("{} bytes from byte {} were announced, the archive's data ends at byte {}.",
                                     record->bytes, record->data, directory.begin));
  }
  if (text_of(file.subspan(record->local + kLocalBytes, name_bytes)) != record->name) {
    throw_corrupt(place, "the entry has another name than the directory gives it.");
  }
}

/// Reads the record at `*at` of the directory and moves on to the next.
Record read_record(std::span<const std::byte> file, const Directory& directory, std::size_t* at,
                   std::string_view where) {
  const auto rest = file.subspan(*at, directory.end - *at);
  if (rest.size() < kCentralBytes || number_at<uint32_t>(rest, 0) != kCentralSignature) {
    throw_corrupt(where, fmt::format("a ZIP directory entry was expected at byte {}.", *at));
  }
  const std::size_t name_bytes = number_at<uint16_t>(rest, 28);
  const std::size_t extra_bytes = number_at<uint16_t>(rest, 30);
  const std::size_t all = kCentralBytes + name_bytes + extra_bytes + number_at<uint16_t>(rest, 32);
  if (all > rest.size()) {
    throw_corrupt(where, fmt::format("the ZIP directory entry at byte {} does not fit.", *at));
  }
  Record record{.name = text_of(rest.subspan(kCentralBytes, name_bytes)),
                .method = number_at<uint16_t>(rest, 10),
                .bytes = number_at<uint32_t>(rest, 20),
                .plain_bytes = number_at<uint32_t>(rest, 24),
                .local = number_at<uint32_t>(rest, 42)};
  const std::string place = fmt::format("{}: {}", where, excerpt(record.name));
  check_plain(number_at<uint16_t>(rest, 8), place);
  read_extra64(rest.subspan(kCentralBytes + name_bytes, extra_bytes), &record, place);
  if (record.method == 0 && record.bytes != record.plain_bytes) {
    throw_corrupt(place,
                  fmt::format("a stored entry of {} bytes claims to hold {}.", record.bytes, record.plain_bytes));
  }
  locate(file, directory, &record, place);
  *at += all;
  return record;
}

void check_apart(std::vector<Record> records, std::string_view where) {
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.local < b.local; });
  for (std::size_t i = 1; i < records.size(); ++i) {
    if (records[i].local < records[i - 1].data + records[i - 1].bytes) {
      throw_corrupt(fmt::format("{}: {}", where, excerpt(records[i].name)),
                    fmt::format("the entry overlaps {}.", excerpt(records[i - 1].name)));
    }
  }
}

}  // namespace

bool is_zip(std::span<const std::byte> file) {
  return file.size() >= sizeof(uint32_t) &&
         (number_at<uint32_t>(file, 0) == kLocalSignature || number_at<uint32_t>(file, 0) == kEndSignature);
}

std::vector<ZipEntry> read_zip(std::span<const std::byte> file, std::string_view where) {
  const Directory directory = find_directory(file, where);
  std::vector<Record> records;
  std::vector<ZipEntry> entries;
  std::set<std::string_view> names;
  std::size_t at = directory.begin;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    records.push_back(read_record(file, directory, &at, where));
    const Record& record = records.back();
    if (!names.insert(record.name).second) {
      throw_corrupt(where, fmt::format("the ZIP archive has the entry {} twice.", excerpt(record.name)));
    }
    entries.push_back({record.name, file.subspan(record.data, record.bytes), record.method});
  }
  if (at != directory.end) {
    throw_corrupt(where, fmt::format("the ZIP directory has {} bytes after its {} entries.", directory.end - at,
                                     directory.entries));
  }
  check_apart(std::move(records), where);
  return entries;
}

void check_stored(const ZipEntry& entry, std::string_view where) {
  if (entry.method != 0) {
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("[{}: {}] the entry is compressed (method {}), stored ones, as torch.save writes them, were "
                    "expected.",
                    where, excerpt(entry.name), entry.method));
  }
}

}  // namespace paceline
