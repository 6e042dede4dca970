#include "rows/text_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "paceline/error.h"
#include "rows/converted_source.h"
#include "rows/packed_source.h"
#include "words/utf8.h"

namespace paceline {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kStartBytes = std::size_t{64} << 10;

constexpr std::string_view kUtf32LittleMark = "\xFF\xFE\0\0"sv;
constexpr std::string_view kUtf32BigMark = "\0\0\xFE\xFF"sv;

/// What is waited for where a pipe has given a part of it.
constexpr std::array kAwaited{kGzipMagic,    kZstdMagic, kUtf32LittleMark, kUtf32BigMark,
                              kUtf16BigMark, "PAR1"sv,   "PK\x03\x04"sv};

constexpr const char* kTable = "Write it as CSV or JSONL first, for example with pandas";
constexpr const char* kUnpack = "Unpack it first; of packed files gzip and zstd are read";
constexpr const char* kTexts = "Name a file of texts: txt, CSV, TSV, JSONL or a JSON array";

struct Kind {
  std::string_view magic;
  const char* name;
  const char* remedy;
  bool readable = false;  ///< the magic could open a text, so bytes that no text has must follow
};

constexpr std::array kKinds{
    Kind{"PAR1"sv, "a Parquet file", kTable, true},
    Kind{"ARROW1"sv, "an Arrow (Feather) file", kTable, true},
    Kind{"FEA1"sv, "a Feather file", kTable, true},
    Kind{"\xFF\xFF\xFF\xFF"sv, "an Arrow stream", kTable},
    Kind{"ORC"sv, "an ORC file", kTable, true},
    Kind{"Obj\x01"sv, "an Avro file", kTable},
    Kind{"SQLite format 3\0"sv, "an SQLite database",
         "Write the query's rows as CSV first, for example with sqlite3 -csv"},
    Kind{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "an old Excel or Word file", "Save it as CSV UTF-8 first"},
    Kind{"\x89HDF\r\n\x1A\n"sv, "an HDF5 file", kTable},
    Kind{"\x93NUMPY"sv, "a NumPy array", kTable},
    Kind{"RDX"sv, "R data", "Write it as CSV first, for example with write.csv", true},
    Kind{"%PDF-"sv, "a PDF", "Extract its text first, for example with pdftotext"},
    Kind{"{\\rtf"sv, "a rich text file", "Save it as plain text in UTF-8 first"},
    Kind{"BZh"sv, "packed with bzip2", kUnpack, true},
    Kind{"\xFD"
         "7zXZ\0"sv,
         "packed with xz", kUnpack},
    Kind{"\x04\x22\x4D\x18"sv, "packed with lz4", kUnpack},
    Kind{"\x5D\0\0"sv, "packed with lzma", kUnpack},
    Kind{"LZIP"sv, "packed with lzip", kUnpack, true},
    Kind{"\x1F\x9D"sv, "packed with compress", kUnpack},
    Kind{"\xFF\x06\0\0sNaPpY"sv, "packed with snappy", kUnpack},
    Kind{"7z\xBC\xAF\x27\x1C"sv, "a 7z archive", kUnpack},
    Kind{"Rar!\x1A\x07"sv, "a RAR archive", kUnpack},
    Kind{"\x80\x02"sv, "a Python pickle", kTable},
    Kind{"\x80\x03"sv, "a Python pickle", kTable},
    Kind{"\x80\x04"sv, "a Python pickle", kTable},
    Kind{"\x80\x05"sv, "a Python pickle", kTable},
    Kind{"\x7F"
         "ELF"sv,
         "a program", kTexts},
    Kind{"\x89PNG\r\n"sv, "an image", kTexts},
    Kind{"\xFF\xD8\xFF"sv, "an image", kTexts},
    Kind{"GIF8"sv, "an image", kTexts, true},
    Kind{"RIFF"sv, "an image or a sound", kTexts, true},
    Kind{"OggS"sv, "a sound", kTexts, true},
    Kind{"ID3"sv, "a sound", kTexts, true},
    Kind{"version https://git-lfs.github.com/spec/"sv, "a pointer of Git LFS in place of the file",
         "Fetch the file, for example with git lfs pull"},
};

/// What a ZIP archive is, by the names in it.
constexpr std::array kZipKinds{
    Kind{"xl/"sv, "an Excel workbook", "Save it as CSV UTF-8 first"},
    Kind{"vnd.oasis.opendocument.spreadsheet"sv, "an OpenDocument spreadsheet", "Save it as CSV UTF-8 first"},
    Kind{"vnd.oasis.opendocument"sv, "an OpenDocument file", "Save it as plain text in UTF-8 first"},
    Kind{"word/"sv, "a Word document", "Save it as plain text in UTF-8 first"},
    Kind{"data.pkl"sv, "a file of torch.save", kTexts},
    Kind{".npy"sv, "NumPy arrays", kTable},
    Kind{"[Content_Types].xml"sv, "an Office file", "Save it as CSV UTF-8 first"},
    Kind{""sv, "a ZIP archive", kUnpack},
};

[[noreturn]] void refuse(const std::string& name, const Kind& kind) {
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[{}] is {}, texts were expected. {}.", name, kind.name, kind.remedy));
}

[[noreturn]] void refuse_encoding(const std::string& name, std::string_view encoding) {
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[{}] is {}, UTF-8 was expected. Convert the file, for example with iconv -f {} -t UTF-8.",
                          name, encoding, encoding.substr(0, encoding.find(' '))));
}

/// A control character that no text has.
bool is_control(char c) { return (c >= 0 && c < '\t') || (c > '\r' && c < ' ' && c != '\x1B'); }

bool is_safetensors(std::string_view start) {
  constexpr std::size_t kLengthBytes = 8;
  return start.size() > kLengthBytes && start[kLengthBytes] == '{' &&
         start.substr(kLengthBytes / 2, kLengthBytes / 2) == "\0\0\0\0"sv;
}

bool is_tar(std::string_view start) {
  constexpr std::size_t kTarMagicAt = 257;
  return start.size() > kTarMagicAt && start.substr(kTarMagicAt).starts_with("ustar");
}

/// Whether NULs are all that is no text in `start`, which may end within a character.
bool is_text_but_for_nuls(std::string_view start) {
  constexpr std::size_t kUnfinishedBytes = 3;
  if (std::any_of(start.begin(), start.end(), [](char c) { return c != '\0' && is_control(c); })) return false;
  const std::size_t invalid = find_invalid_utf8(start);
  return invalid == std::string_view::npos || invalid + kUnfinishedBytes >= start.size();
}

/// UTF-16 of English shows NULs at every other byte, UTF-32 at three of four; texts in UTF-16 that have only blanks and
/// line ends of ASCII show a tenth, at one parity, beside bytes that no UTF-8 has. A text in UTF-8 with some NULs in it
/// is read, and they are errors in their rows. Any other tenth of NULs is no text at all.
void refuse_nuls(std::string_view start, const std::string& name) {
  std::array<std::size_t, 4> nuls{};
  for (std::size_t i = 0; i < start.size(); ++i) nuls[i % 4] += start[i] == '\0' ? 1 : 0;
  const std::size_t even = nuls[0] + nuls[2];
  const std::size_t odd = nuls[1] + nuls[3];
  const std::size_t all = even + odd;
  if (all * 10 < start.size() || all == 0) return;
  const bool is_text = all < start.size() && is_text_but_for_nuls(start);
  if (!is_text || all * 10 >= start.size() * 4) {
    if (even == 0) refuse_encoding(name, "UTF-16LE without a byte order mark");
    if (odd == 0) refuse_encoding(name, "UTF-16BE without a byte order mark");
  }
  const std::size_t characters = start.size() / 4;
  if (nuls[0] == 0 && nuls[2] * 2 > characters && nuls[3] >= characters && characters > 0) {
    refuse_encoding(name, "UTF-32LE without a byte order mark");
  }
  if (nuls[3] == 0 && nuls[1] * 2 > characters && nuls[0] >= characters && characters > 0) {
    refuse_encoding(name, "UTF-32BE without a byte order mark");
  }
  if (!is_text) refuse(name, {""sv, "binary data", kTexts});
}

/// Reads on until more would not change what `start` is.
void read_start(ByteSource& source, std::string& start) {
  const auto is_part = [&](std::string_view magic) { return start.size() < magic.size() && magic.starts_with(start); };
  const auto is_awaited = [&] {
    return (start.size() < kZstdMagic.size() && may_become_skippable(start)) ||
           std::any_of(kAwaited.begin(), kAwaited.end(), is_part);
  };
  std::string piece(kStartBytes, '\0');
  while (start.empty() || is_awaited()) {
    const std::size_t bytes = source.read(piece);
    if (bytes == 0) return;
    start.append(piece, 0, bytes);
  }
}

/// Whether CR alone ends the lines: there is one, and no LF. Reads on until an LF or enough has been seen.
bool has_carriage_returns(ByteSource& source, std::string& start) {
  std::string piece(kStartBytes, '\0');
  while (true) {
    if (start.find('\n') != std::string::npos) return false;
    const std::size_t bytes = start.size() < kStartBytes ? source.read(piece) : 0;
    if (bytes == 0) return start.find('\r') != std::string::npos;
    start.append(piece, 0, bytes);
  }
}

}  // namespace

void refuse_other_content(std::string_view start, const std::string& name) {
  if (start.starts_with(kUtf32LittleMark)) refuse_encoding(name, "UTF-32 (little-endian)");
  if (start.starts_with(kUtf32BigMark)) refuse_encoding(name, "UTF-32 (big-endian)");
  if (start.starts_with(kUtf16LittleMark) || start.starts_with(kUtf16BigMark)) return;
  const bool binary = std::any_of(start.begin(), start.end(), is_control);
  for (const Kind& kind : kKinds) {
    if (start.starts_with(kind.magic) && (binary || !kind.readable)) refuse(name, kind);
  }
  if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06")) {
    for (const Kind& kind : kZipKinds) {
      if (start.find(kind.magic) != std::string_view::npos) refuse(name, kind);
    }
  }
  if (is_safetensors(start)) refuse(name, {""sv, "a safetensors file of weights", kTexts});
  if (is_tar(start)) refuse(name, {""sv, "a tar archive", kUnpack});
  refuse_nuls(start, name);
}

TextContent open_text_content(std::unique_ptr<ByteSource> source, const std::string& name,
                              const std::stop_token& stop) {
  TextContent content{.bytes = std::move(source)};
  std::string start;
  read_start(*content.bytes, start);
  const Packing packing = packing_of(start);
  if (packing != Packing::kNone) {
    content.packed = true;
    content.bytes =
        make_unpacked_source(make_resumed_source(std::move(start), std::move(content.bytes)), packing, name, stop);
    start.clear();
    read_start(*content.bytes, start);
    if (packing_of(start) != Packing::kNone) refuse(name, {""sv, "packed twice", kUnpack});
  }
  refuse_other_content(start, name);
  if (start.starts_with(kUtf16LittleMark) || start.starts_with(kUtf16BigMark)) {
    content.encoding = "UTF-16";
    content.bytes = make_utf16_source(make_resumed_source(std::move(start), std::move(content.bytes)));
    start.clear();
    read_start(*content.bytes, start);
  }
  const bool returns = has_carriage_returns(*content.bytes, start);
  content.bytes = make_resumed_source(std::move(start), std::move(content.bytes));
  if (returns) content.bytes = make_carriage_return_source(std::move(content.bytes));
  return content;
}

}  // namespace paceline
