#include "rows/packed_source.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "paceline/error.h"

namespace paceline {
namespace {

constexpr std::size_t kInputBytes = std::size_t{64} << 10;

/// A skippable frame's magic, behind a first byte of 0x50 to 0x5F.
constexpr std::string_view kSkippableRest = "\x2A\x4D\x18";

/// One kind of packing: takes from `input` and gives to `output`.
class Codec {
 public:
  /// Bytes given. At least one of the two moves, as long as there is input.
  virtual std::size_t decode(std::string_view& input, std::span<char> output) = 0;
  /// Whether the data may end here.
  virtual bool at_boundary() const = 0;
  virtual ~Codec() = default;
};

[[noreturn]] void throw_no_memory() {
  throw Error(ErrorCode::kResourceExhausted, "[unpack] there is no memory to unpack with. Unpack the file first.");
}

class GzipCodec : public Codec {
 public:
  explicit GzipCodec(const std::string& name) : name_(name) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw_no_memory();
  }
  GzipCodec(const GzipCodec&) = delete;
  GzipCodec& operator=(const GzipCodec&) = delete;
  ~GzipCodec() override { inflateEnd(&stream_); }

  std::size_t decode(std::string_view& input, std::span<char> output) override {
    if (ended_) {
      // Members may be padded with zeros, as tapes were.
      input.remove_prefix(std::min(input.find_first_not_of('\0'), input.size()));
      if (input.empty()) return 0;
      inflateReset(&stream_);
      ended_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));  // zlib only reads there
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    const auto room = static_cast<uInt>(std::min(output.size(), std::size_t{1} << 30));
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    input.remove_prefix(input.size() - stream_.avail_in);
    if (status == Z_MEM_ERROR) throw_no_memory();
    ended_ = status == Z_STREAM_END;
    // What came before the damage is given first; the next call fails again.
    if (stream_.avail_out == room && !ended_ && status != Z_OK && status != Z_BUF_ERROR) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] the gzip data is damaged ({}). Fetch or pack the file again.", name_,
                              stream_.msg == nullptr ? "no gzip data" : stream_.msg));
    }
    return room - stream_.avail_out;
  }

  bool at_boundary() const override { return ended_; }

 private:
  std::string name_;
  z_stream stream_{};
  bool ended_ = false;
};

class ZstdCodec : public Codec {
 public:
  explicit ZstdCodec(const std::string& name) : name_(name), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw_no_memory();
  }
  ZstdCodec(const ZstdCodec&) = delete;
  ZstdCodec& operator=(const ZstdCodec&) = delete;
  ~ZstdCodec() override { ZSTD_freeDStream(stream_); }

  std::size_t decode(std::string_view& input, std::span<char> output) override {
    if (ended_ && input.empty()) return 0;
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t status = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(status) != 0) {
      const ZSTD_ErrorCode code = ZSTD_getErrorCode(status);
      if (code == ZSTD_error_memory_allocation) throw_no_memory();
      if (code == ZSTD_error_frameParameter_windowTooLarge) {
        throw Error(ErrorCode::kUnsupported,
                    fmt::format("[{}] the zstd data needs more than 128 MiB to unpack (zstd --long). Unpack it first, "
                                "for example with zstd -d --long=31.",
                                name_));
      }
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] the zstd data is damaged ({}). Fetch or pack the file again.", name_,
                              ZSTD_getErrorName(status)));
    }
    input.remove_prefix(in.pos);
    ended_ = status == 0;
    return out.pos;
  }

  bool at_boundary() const override { return ended_; }

 private:
  std::string name_;
  ZSTD_DStream* stream_;
  bool ended_ = false;
};

class UnpackedSource : public ByteSource {
 public:
  UnpackedSource(std::unique_ptr<ByteSource> source, std::unique_ptr<Codec> codec, std::string name,
                 std::stop_token stop)
      : source_(std::move(source)),
        codec_(std::move(codec)),
        name_(std::move(name)),
        stop_(std::move(stop)),
        packed_(kInputBytes) {}

  std::size_t read(std::span<char> buffer) override {
    while (true) {
      const std::size_t bytes = codec_->decode(input_, buffer);
      if (bytes > 0) return bytes;
      if (!input_.empty()) continue;
      input_ = {packed_.data(), source_->read(packed_)};
      taken_ += input_.size();
      if (!input_.empty()) continue;
      if (codec_->at_boundary() || stop_.stop_requested()) return 0;
      throw Error(
          ErrorCode::kCorruptData,
          fmt::format("[{}] the packed data ends early, after {} bytes. Fetch or pack the file again.", name_, taken_));
    }
  }

  uint64_t total() const override { return source_->total(); }
  std::optional<uint64_t> position() const override { return source_->position().value_or(taken_); }

 private:
  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<Codec> codec_;
  std::string name_;
  std::stop_token stop_;
  std::vector<char> packed_;
  std::string_view input_;  ///< what the codec has not taken yet
  uint64_t taken_ = 0;
};

}  // namespace

bool may_become_skippable(std::string_view start) {
  if (start.empty()) return true;
  const std::size_t rest = std::min(start.size() - 1, kSkippableRest.size());
  return (static_cast<unsigned char>(start[0]) & 0xF0) == 0x50 &&
         start.substr(1, rest) == kSkippableRest.substr(0, rest);
}

Packing packing_of(std::string_view start) {
  if (start.starts_with(kGzipMagic)) return Packing::kGzip;
  const bool skippable = start.size() > kSkippableRest.size() && may_become_skippable(start);
  return skippable || start.starts_with(kZstdMagic) ? Packing::kZstd : Packing::kNone;
}

std::unique_ptr<ByteSource> make_unpacked_source(std::unique_ptr<ByteSource> source, Packing packing, std::string name,
                                                 std::stop_token stop) {
  std::unique_ptr<Codec> codec;
  if (packing == Packing::kGzip) {
    codec = std::make_unique<GzipCodec>(name);
  } else {
    codec = std::make_unique<ZstdCodec>(name);
  }
  return std::make_unique<UnpackedSource>(std::move(source), std::move(codec), std::move(name), std::move(stop));
}

}  // namespace paceline
