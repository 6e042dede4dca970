#include "tensor/pickle_reader.h"

#include <string>

#include "base/testing/expect_error.h"
#include "tensor/testing/torch_files.h"

namespace paceline {
namespace {

using Kind = PickleValue::Kind;

Pickle read(const std::string& pickle) { return read_pickle(std::as_bytes(std::span(pickle)), "p"); }

void refused(ErrorCode code, const std::string& opcodes, const std::string& part) {
  SCOPED_TRACE(part);
  expect_error(
      code, [&] { read(pickle_of(opcodes)); }, "[p]", part);
}

int64_t number(const std::string& opcodes) {
  const Pickle pickle = read(pickle_of(opcodes));
  EXPECT_EQ(pickle.values[pickle.root].kind, Kind::kInteger);
  return pickle.values[pickle.root].number;
}

TEST(PickleReader, ReadsNumbersOfEveryWidth) {
  EXPECT_EQ(number("K\xff"), 255);
  EXPECT_EQ(number("M\xff\xff"), 65535);
  EXPECT_EQ(number("J\xff\xff\xff\xff"), -1);
  EXPECT_EQ(number(std::string("\x8a\0", 2)), 0);
  EXPECT_EQ(number("\x8a\x01\xfe"), -2);
  EXPECT_EQ(number(std::string("\x8a\x02\xff\0", 4)), 255);
  EXPECT_EQ(number(pickle_number(INT64_MIN)), INT64_MIN);
  const Pickle wide = read(pickle_of("\x8a\x09" + std::string(9, '\1')));
  EXPECT_EQ(wide.values[wide.root].kind, Kind::kLong);
}

TEST(PickleReader, ReadsContainersAndMemo) {
  const Pickle pickle = read(pickle_of("](K\x01K\x02\x86" + std::string("q\0", 2) + std::string("h\0", 2) + "e"));
  const PickleValue& list = pickle.values[pickle.root];
  ASSERT_EQ(list.kind, Kind::kList);
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(list.items[0], list.items[1]);
  EXPECT_EQ(pickle.values[list.items[0]].items.size(), 2U);
}

TEST(PickleReader, ReadsTheOrderedDictOfPython2) {
  const std::string pairs = "](](" + pickle_text("a") + "K\x01" + "ee";
  const Pickle pickle = read(pickle_of(pickle_global("collections", "OrderedDict") + pairs + "\x85R"));
  EXPECT_EQ(pickle.values[pickle.root].kind, Kind::kDict);
  EXPECT_EQ(pickle.values[pickle.root].items.size(), 2U);
}

TEST(PickleReader, SaysWhereAPickleEnds) {
  const std::string pickle = pickle_of("N");
  EXPECT_EQ(read(pickle + "more").bytes, pickle.size());
}

TEST(PickleReader, ClaimsBeyondTheDataAreRefused) {
  const ErrorCode corrupt = ErrorCode::kCorruptData;
  refused(corrupt, "X" + raw<uint32_t>(0xffffffff), "4294967295 bytes were announced");
  refused(corrupt, "\x8d" + raw<uint64_t>(UINT64_MAX), "18446744073709551615 bytes were announced");
  refused(corrupt, "\x95" + raw<uint64_t>(UINT64_MAX), "a frame reaches beyond the end");
  refused(corrupt, "Nr" + raw<uint32_t>(0xffffffff), "the memo has 0 entries, number 4294967295");
  refused(corrupt, "j" + raw<uint32_t>(7), "the memo has no entry 7");
  refused(corrupt, "cos", "a name does not end");
}

TEST(PickleReader, ABrokenStackIsRefused) {
  const ErrorCode corrupt = ErrorCode::kCorruptData;
  for (const char* opcodes : {"0", "R", "b", "Q", "a", "s", "\x93", "(\x85", "q\x01", "NN(0"}) {
    refused(corrupt, opcodes, "a value is missing");
  }
  refused(corrupt, "e", "a mark is missing");
  refused(corrupt, "t", "a mark is missing");
  refused(corrupt, "", "0 values are left");
  refused(corrupt, "NN", "2 values are left");
  refused(corrupt, "}Na", "only a list");
  refused(corrupt, "](NNu", "only a dict");
  refused(corrupt, "}(Nu", "a key has no value");
}

TEST(PickleReader, UnknownOpcodesAreRefusedByName) {
  for (int code = 0; code < 256; ++code) {
    const std::string pickle = "\x80\x02" + std::string(1, static_cast<char>(code));
    EXPECT_THROW(read(pickle), Error) << code;
  }
  refused(ErrorCode::kUnsupported, "\xf0", "the opcode 0xf0 at byte 2");
  refused(ErrorCode::kUnsupported, "\x80\x06", "protocol 6");
}

TEST(PickleReader, ManyValuesAreRefused) {
  refused(ErrorCode::kUnsupported, std::string((std::size_t{1} << 21) + 1, 'N'), "more than 2097152 values");
  refused(ErrorCode::kCorruptData, std::string((std::size_t{1} << 21) + 1, '('), "nests too deeply");
}

/// A long list is named again and again: neither time nor memory may grow with the product.
TEST(PickleReader, AListOfPairsIsNotCopiedWithoutBound) {
  std::string opcodes = "](";
  for (int i = 0; i < 100000; ++i) opcodes += "NN\x86";
  opcodes += std::string("eq\0", 3);
  const std::string call = pickle_global("collections", "OrderedDict") + std::string("h\0\x85R", 4);
  for (int i = 0; i < 100; ++i) opcodes += call;
  refused(ErrorCode::kCorruptData, opcodes, "too many values");
}

}  // namespace
}  // namespace paceline
