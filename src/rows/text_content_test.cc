#include "rows/text_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "base/testing/expect_error.h"
#include "paceline/error.h"
#include "rows/row_readers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kPieces = 3;

/// Gives a few bytes at a time, as a pipe may.
class Trickle : public ByteSource {
 public:
  explicit Trickle(std::string bytes) : bytes_(std::move(bytes)) {}
  std::size_t read(std::span<char> buffer) override {
    const std::size_t given = bytes_.copy(buffer.data(), std::min(buffer.size(), kPieces), next_);
    next_ += given;
    return given;
  }
  uint64_t total() const override { return 0; }

 private:
  std::string bytes_;
  std::size_t next_ = 0;
};

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

/// `text` is ASCII or has characters below U+10000 given as such.
std::string utf16(std::u16string_view text, bool little, bool mark = true) {
  std::string out;
  for (const char16_t unit : mark ? u"\uFEFF" + std::u16string(text) : std::u16string(text)) {
    const char low = static_cast<char>(unit & 0xFF);
    const char high = static_cast<char>(unit >> 8);
    out += little ? low : high;
    out += little ? high : low;
  }
  return out;
}

struct Read {
  std::vector<std::string> texts;
  std::string damage;
};

Read read(std::unique_ptr<ByteSource> source, const std::string& path = "a.txt") {
  const auto reader = open_rows(std::move(source), path, {});
  Read all;
  for (Row row; reader->next(row);) all.texts.push_back(row.error.empty() ? row.text.first : "error: " + row.error);
  all.damage = reader->damage();
  return all;
}

/// As a file and in pieces gives the same.
std::vector<std::string> texts(const std::string& bytes, const std::string& path = "a.txt") {
  const Read whole = read(make_memory_source(bytes), path);
  EXPECT_EQ(read(std::make_unique<Trickle>(bytes), path).texts, whole.texts);
  EXPECT_EQ(whole.damage, "");
  return whole.texts;
}

TEST(TextContent, DecodesUtf16) {
  for (const bool little : {true, false}) {
    EXPECT_THAT(texts(utf16(u"good\r\ncaf\u00E9 \u20AC\n\U0001F600", little)),
                ElementsAre("good", "caf\xC3\xA9 \xE2\x82\xAC", "\xF0\x9F\x98\x80"));
    EXPECT_THAT(texts(utf16(u"id\ttext\n1\tbon\n", little), "a.tsv"), ElementsAre("bon"));
  }
  EXPECT_THAT(texts(utf16(u"a\n\xD83D"
                          u"b\nc\n\xDE00\nd",
                          true)),
              ElementsAre("a", HasSubstr("[line 2] byte 0 is not UTF-16"), "c", HasSubstr("[line 4]"), "d"));
  EXPECT_THAT(texts(utf16(u"abc\nd", true) + "x"), ElementsAre("abc", HasSubstr("is not UTF-16")));
}

TEST(TextContent, RefusesOtherEncodingsByName) {
  const auto open = [](const std::string& bytes) { return [bytes] { read(make_memory_source(bytes)); }; };
  const ErrorCode code = ErrorCode::kUnsupported;
  expect_error(code, open(utf16(u"a text in English\n", true, false)), "is UTF-16LE without a byte order mark",
               "iconv -f UTF-16LE -t UTF-8");
  expect_error(code, open(utf16(u"a text in English\n", false, false)), "is UTF-16BE without");
  expect_error(code, open(std::string("\xFF\xFE\0\0a\0\0\0", 8)), "is UTF-32", "iconv -f UTF-32 -t UTF-8");
  expect_error(code, open(std::string("\0\0\xFE\xFF\0\0\0a", 8)), "is UTF-32");
  expect_error(code, open(std::string("a\0\0\0b\0\0\0\n\0\0\0", 12)), "is UTF-32LE without");
  expect_error(code, open(std::string("\0\0\0a\0\0\0b\0\0\0\n", 12)), "is UTF-32BE without");
  expect_error(code, open(utf16(u"\u4e2d\u6587\u6587\u5b57\n", true, false)), "is UTF-16LE without");
  expect_error(code, open(utf16(u"\u043c\u0438\u0440 \u043c\u0438\u0440\n", false, false)), "is UTF-16BE without");
}

TEST(TextContent, NulsInATextAreErrorsInTheirRows) {
  const auto nul = HasSubstr("is a NUL");
  EXPECT_THAT(texts(std::string("a\0b\nok\n", 7)), ElementsAre(nul, "ok"));
  EXPECT_THAT(texts("hello\nworld\n\n" + std::string(499, '\0')), ElementsAre("hello", "world", "", nul));
  EXPECT_THAT(texts(std::string("caf\xC3\xA9\0\0\nok\n", 11)), ElementsAre(nul, "ok"));
  std::string padded;
  for (int row = 0; row < 50; ++row) padded += std::string("ab\0\n", 4);
  EXPECT_EQ(texts(padded).size(), 50U);
}

TEST(TextContent, CarriageReturnsEndLinesWhereNothingElseDoes) {
  EXPECT_THAT(texts("one\rtwo\r\rlast"), ElementsAre("one", "two", "", "last"));
  EXPECT_THAT(texts("id,text\r1,\"good, film\"\r2,bad\r", "a.csv"), ElementsAre("good, film", "bad"));
  EXPECT_THAT(texts("one\r\ntwo\rtoo\r\n"), ElementsAre("one", "two\rtoo")) << "a CR beside LF is a character";
  // The first 64 KiB decide, where there is no LF in them.
  EXPECT_EQ(texts(std::string(70'000, 'x') + "\ra\r\nb\nc").size(), 3U);
  const std::string mixed = "a\r" + std::string(70'000, 'x') + "\rb\r\nc\nd";
  EXPECT_THAT(texts(mixed), ElementsAre("a", std::string(70'000, 'x'), "b", "c", "d"));
}

TEST(TextContent, UnpacksGzipAndZstd) {
  std::string content;
  for (int i = 0; i < 5000; ++i) content += "text " + std::to_string(i) + "\n";
  for (const std::string& packed : {gzip(content), zstd(content)}) {
    const std::vector<std::string> all = texts(packed, "a.data");
    ASSERT_EQ(all.size(), 5000U);
    EXPECT_EQ(all.back(), "text 4999");
  }
  EXPECT_THAT(texts(gzip("a\nb") + gzip("c\nd"), "a.txt.gz"), ElementsAre("a", "bc", "d")) << "members are one text";
  EXPECT_THAT(texts(gzip("a\n") + std::string(512, '\0')), ElementsAre("a")) << "padded";
  EXPECT_THAT(texts(zstd("a\nb") + zstd("c\nd")), ElementsAre("a", "bc", "d"));
  for (const char first : {'\x50', '\x5F'}) {
    const std::string skipped = first + std::string("*M\x18\4\0\0\0abcd", 11);
    EXPECT_THAT(texts(skipped + zstd("a\nb")), ElementsAre("a", "b")) << "a skippable frame";
    EXPECT_THAT(texts(first + std::string("*M")), ElementsAre(first + std::string("*M")));
  }
  EXPECT_THAT(texts(gzip(utf16(u"id;text\n1;bon\n", true)), "a.csv.gz"), ElementsAre("bon"));
  EXPECT_THAT(texts(zstd("[{\"text\": \"a\"}]"), "a.json.zst"), ElementsAre("a"));
  expect_error(
      ErrorCode::kCorruptData, [] { read(make_memory_source(gzip(""))); }, "empty, expected at least one text");
}

TEST(TextContent, RowsBeforeTheDamageStay) {
  std::string content = "id,text\n";
  for (int i = 0; i < 20'000; ++i) content += std::to_string(i) + ",text " + std::to_string(i * 7919 % 10'007) + "\n";
  std::string wrong_sum = gzip(content);
  wrong_sum[wrong_sum.size() - 6] ^= 1;
  std::string wrong_bytes = zstd(content);
  wrong_bytes[wrong_bytes.size() / 2] ^= 0x55;
  const std::string short_gzip = gzip(content).substr(0, gzip(content).size() / 2);
  const std::string short_zstd = zstd(content).substr(0, zstd(content).size() - 5);
  for (const std::string& packed : {wrong_sum, short_gzip, short_zstd, gzip(content) + "more"}) {
    const Read all = read(make_memory_source(packed), "a.csv.gz");
    ASSERT_GT(all.texts.size(), 5000U);
    EXPECT_EQ(all.texts.front(), "text 0");
    EXPECT_EQ(all.texts.back(), "error: " + all.damage);
    EXPECT_THAT(all.damage, StartsWith("[a.csv.gz] the "));
    EXPECT_THAT(all.damage, HasSubstr("Row " + std::to_string(all.texts.size()) + " and all behind it are lost."));
  }
  EXPECT_NE(read(make_memory_source(wrong_bytes), "a.csv.gz").damage, "");
}

// Ten megabytes out of ten kilobytes, and no row above the bound.
TEST(TextContent, ABombIsReadInPieces) {
  const std::string packed = gzip("a\n" + std::string(std::size_t{10} << 20, 'x') + "\nb\n");
  const auto reader = open_rows(make_memory_source(packed), "a.txt", {.max_row_bytes = 1000});
  std::vector<std::string> errors;
  for (Row row; reader->next(row);) errors.push_back(row.error);
  EXPECT_THAT(errors, ElementsAre("", HasSubstr("longer than the 1000 bytes"), ""));
}

TEST(TextContent, RefusesWhatIsNoTextByName) {
  const auto named = [](const std::string& start, const char* what) {
    const std::string bytes = start + std::string("\x01\0\x02 some more", 13);
    expect_error(
        ErrorCode::kUnsupported, [&] { read(make_memory_source(bytes), "a.csv"); }, "a.csv", what,
        "texts were expected");
    expect_error(
        ErrorCode::kUnsupported, [&] { read(make_memory_source(gzip(bytes)), "a.csv"); }, what);
  };
  named("PAR1", "a Parquet file");
  named("ARROW1", "an Arrow (Feather) file");
  named("\xFF\xFF\xFF\xFF", "an Arrow stream");
  named("ORC", "an ORC file");
  named(std::string("SQLite format 3\0", 16), "an SQLite database");
  named("%PDF-1.7", "a PDF");
  named("BZh91AY&SY", "packed with bzip2");
  named(std::string("\xFD"
                    "7zXZ\0",
                    6),
        "packed with xz");
  named("PK\x03\x04 [Content_Types].xml xl/workbook.xml", "an Excel workbook");
  named("PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet");
  named("PK\x03\x04 archive/data.pkl", "a file of torch.save");
  named("PK\x03\x04 a.csv", "a ZIP archive");
  named("\x80\x04\x95", "a Python pickle");
  named(std::string("\x40\0\0\0\0\0\0\0{\"a\"", 12), "a safetensors file");
  named("\x89PNG\r\n\x1A\n", "an image");
  named("version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS");
  named(std::string(257, 'a') + "ustar", "a tar archive");
  named(std::string(30, '\0'), "binary data");
  named(std::string("\1\2\0\0\3\4\0\0\5\0\0\6", 12), "binary data");
}

TEST(TextContent, TextsThatBeginLikeOtherFilesAreTexts) {
  EXPECT_THAT(texts("PAR1 is a name\nORC too\n"), ElementsAre("PAR1 is a name", "ORC too"));
  EXPECT_THAT(texts("ORC\n"), ElementsAre("ORC"));
  EXPECT_EQ(texts("GIF89a\n\x1B[1m bold\n").size(), 2U);
  EXPECT_THAT(texts("BZh is no word\n"), ElementsAre("BZh is no word"));
  EXPECT_THAT(texts("P"), ElementsAre("P"));
}

}  // namespace
}  // namespace paceline
