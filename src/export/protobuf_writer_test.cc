#include "export/protobuf_writer.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

using namespace std::string_literals;

std::string integer_field(int field, int64_t value) {
  ProtobufWriter writer;
  writer.integer(field, value);
  return writer.take();
}

// The expected bytes are the examples of protobuf's own encoding guide where it has one.
TEST(ProtobufWriter, WritesVarints) {
  EXPECT_EQ(integer_field(1, 150), "\x08\x96\x01"s);
  EXPECT_EQ(integer_field(1, 0), "\x08\x00"s);
  EXPECT_EQ(integer_field(1, 127), "\x08\x7f"s);
  EXPECT_EQ(integer_field(1, 128), "\x08\x80\x01"s);
  EXPECT_EQ(integer_field(1, -2), "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
}

TEST(ProtobufWriter, WritesFieldNumbersAboveFifteenInTwoBytes) { EXPECT_EQ(integer_field(20, 7), "\xa0\x01\x07"s); }

TEST(ProtobufWriter, WritesStringsAndMessages) {
  ProtobufWriter text;
  text.bytes(2, "testing");
  EXPECT_EQ(text.text(), "\x12\x07testing"s);

  ProtobufWriter inner;
  inner.integer(1, 150);
  ProtobufWriter outer;
  outer.message(3, inner);
  EXPECT_EQ(outer.text(), "\x1a\x03\x08\x96\x01"s);
}

TEST(ProtobufWriter, WritesFloatsLittleEndian) {
  ProtobufWriter writer;
  writer.float32(2, 1.0F);
  EXPECT_EQ(writer.text(), "\x15\x00\x00\x80\x3f"s);
}

TEST(ProtobufWriter, AnnouncesDataThatFollows) {
  ProtobufWriter writer;
  writer.open_bytes(9, uint64_t{1} << 32);
  EXPECT_EQ(writer.text(), "\x4a\x80\x80\x80\x80\x10"s);
}

}  // namespace
}  // namespace paceline
