#include "export/protobuf_writer.h"

#include <bit>

namespace paceline {
namespace {

constexpr int kVarint = 0;
constexpr int kLengthDelimited = 2;
constexpr int kFixed32 = 5;

}  // namespace

void ProtobufWriter::varint(uint64_t value) {
  while (value >= 0x80) {
    text_.push_back(static_cast<char>((value & 0x7F) | 0x80));
    value >>= 7;
  }
  text_.push_back(static_cast<char>(value));
}

void ProtobufWriter::tag(int field, int wire_type) {
  varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
}

void ProtobufWriter::integer(int field, int64_t value) {
  tag(field, kVarint);
  varint(static_cast<uint64_t>(value));
}

void ProtobufWriter::float32(int field, float value) {
  tag(field, kFixed32);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) text_.push_back(static_cast<char>(bits >> shift & 0xFF));
}

void ProtobufWriter::bytes(int field, std::string_view value) {
  open_bytes(field, value.size());
  text_.append(value);
}

void ProtobufWriter::open_bytes(int field, uint64_t length) {
  tag(field, kLengthDelimited);
  varint(length);
}

}  // namespace paceline
