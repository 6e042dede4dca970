#include "tensor/zip_reader.h"

#include <string>

#include "base/testing/expect_error.h"
#include "tensor/testing/torch_files.h"

namespace paceline {
namespace {

std::vector<ZipEntry> read(const std::string& file) { return read_zip(std::as_bytes(std::span(file)), "m.zip"); }

void refused(ErrorCode code, const std::string& file, const std::string& part) {
  SCOPED_TRACE(part);
  expect_error(
      code, [&] { read(file); }, "m.zip", part);
}

const std::vector<TestZipEntry> kTwo = {{.name = "a", .bytes = "hello"}, {.name = "b/c", .bytes = ""}};

TEST(ZipReader, GivesStoredEntriesWithAndWithoutZip64) {
  for (const bool zip64 : {false, true}) {
    const std::string file = make_zip(kTwo, zip64);
    const std::vector<ZipEntry> entries = read(file);
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].name, "a");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(entries[0].bytes.data()), entries[0].bytes.size()), "hello");
    EXPECT_EQ(entries[1].name, "b/c");
    EXPECT_TRUE(entries[1].bytes.empty());
  }
}

TEST(ZipReader, CompressedAndEncryptedEntriesAreRefusedByName) {
  const std::string bomb = make_zip({{.name = "bomb", .bytes = "x", .method = 8}});
  expect_error(
      ErrorCode::kUnsupported, [&] { check_stored(read(bomb).at(0), "m.zip"); },
      "[m.zip: bomb] the entry is compressed");
  refused(ErrorCode::kUnsupported, make_zip({{.name = "key", .bytes = "x", .flags = 1}}),
          "key] the entry is encrypted");
}

TEST(ZipReader, ClaimsBeyondTheArchiveAreRefused) {
  refused(ErrorCode::kCorruptData, make_zip({{.name = "a", .bytes = "x", .claimed = 100}}), "100 bytes from byte 31");
  refused(ErrorCode::kCorruptData, make_zip({{.name = "a", .bytes = "x", .claimed = INT64_MAX}}, true), "bytes from");
}

TEST(ZipReader, EntriesThatOverlapAreRefused) {
  const TestZipEntry inner{.name = "b", .bytes = "x"};
  const std::string outer = "0123456789";
  // The first entry claims the bytes of the second.
  refused(ErrorCode::kCorruptData, make_zip({{.name = "a", .bytes = outer, .claimed = 30}, inner}), "overlaps");
}

TEST(ZipReader, ANameTwiceIsRefused) {
  refused(ErrorCode::kCorruptData, make_zip({{.name = "a", .bytes = "x"}, {.name = "a", .bytes = "y"}}), "twice");
}

TEST(ZipReader, TruncatedArchivesAreRefused) {
  for (const bool zip64 : {false, true}) {
    const std::string file = make_zip(kTwo, zip64);
    for (std::size_t size = 0; size < file.size(); ++size) {
      EXPECT_THROW(read(file.substr(0, size)), Error) << size;
    }
  }
}

}  // namespace
}  // namespace paceline
