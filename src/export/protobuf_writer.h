#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace paceline {

/// Appends fields in protobuf's wire format (https://protobuf.dev/programming-guides/encoding): enough to write
/// messages, without a schema and without libprotobuf.
class ProtobufWriter {
 public:
  /// int32, int64, uint64, bool, enum: negative numbers take ten bytes, as in protobuf's own int64.
  void integer(int field, int64_t value);
  void float32(int field, float value);
  /// string, bytes, or an embedded message that is serialised already.
  void bytes(int field, std::string_view value);
  void message(int field, const ProtobufWriter& value) { bytes(field, value.text()); }
  /// Opens a length-delimited field whose `length` bytes the caller sends after text(): for data not held in memory.
  void open_bytes(int field, uint64_t length);

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void varint(uint64_t value);
  void tag(int field, int wire_type);

  std::string text_;
};

}  // namespace paceline
